"""Prompts beyond the embedded models' lessons, each beside the lesson it is made of: ``python -m results.odd_prompts``.

Written to docs/data/prompts, in GenEval's format. No lesson says how many things of a colour there are, places things
of a colour, or names three things; each of these prompts does, and its plain partner, of the same things, does not.
"""

import json
from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from results.runs import ROOT
from scalingar.bench.benchmarks.geneval.metadata import Clause, Metadata
from scalingar.models.embedded.vocabulary import COLORS, NUMBERS, OBJECT_CLASSES, RELATIONS, article, plural

EACH = 40
"""Prompts of each kind."""
SEED = 20261128
Partners = tuple[Metadata, Metadata]
"""The plain prompt and the odd one."""


def partners(seed: int = SEED) -> list[Partners]:
    """All of them, kind by kind."""
    rng = np.random.default_rng(seed)
    return [pair for kind in (_counting, _position, _three) for pair in _distinct(kind(rng))]


def _distinct(pairs: Iterator[Partners]) -> list[Partners]:
    """The first ones whose prompts are all different."""
    found: dict[str, Partners] = {}
    odd: set[str] = set()
    while len(found) < EACH:
        pair = next(pairs)
        if pair[0].prompt not in found and pair[1].prompt not in odd:
            found[pair[0].prompt] = pair
            odd.add(pair[1].prompt)
    return list(found.values())


def _counting(rng: Generator) -> Iterator[Partners]:
    while True:
        name, color, count = _one(rng, OBJECT_CLASSES), _one(rng, COLORS), int(rng.integers(2, 5))
        number, exclude = NUMBERS[count - 2], (Clause(name=name, count=count + 1),)
        plain, odd = Clause(name=name, count=count), Clause(name=name, count=count, color=color)
        yield (
            _metadata("counting", f"{number} {plural(name)}", (plain,), exclude),
            _metadata("counting", f"{number} {color} {plural(name)}", (odd,), exclude),
        )


def _position(rng: Generator) -> Iterator[Partners]:
    while True:
        first, second = _some(rng, OBJECT_CLASSES, 2)
        one, other = _some(rng, COLORS, 2)
        relation = _one(rng, RELATIONS)
        plain, odd = (
            (
                Clause(name=second, count=1, color=colors[1]),
                Clause(name=first, count=1, color=colors[0], position=(relation, 0)),
            )
            for colors in ((None, None), (one, other))
        )
        yield (
            _metadata("position", f"{_an(first)} {relation} {_an(second)}", plain),
            _metadata("position", f"{_an(f'{one} {first}')} {relation} {_an(f'{other} {second}')}", odd),
        )


def _three(rng: Generator) -> Iterator[Partners]:
    while True:
        first, second, third = _some(rng, OBJECT_CLASSES, 3)
        clauses = tuple(Clause(name=name, count=1) for name in (first, second, third))
        yield (
            _metadata("two_object", f"{_an(first)} and {_an(second)}", clauses[:2]),
            _metadata("two_object", f"{_an(first)}, {_an(second)} and {_an(third)}", clauses),
        )


def _one(rng: Generator, words: tuple[str, ...]) -> str:
    return str(rng.choice(words))


def _some(rng: Generator, words: tuple[str, ...], count: int) -> list[str]:
    return [str(word) for word in rng.choice(words, count, replace=False)]


def _an(phrase: str) -> str:
    return f"{article(phrase)} {phrase}"


def _metadata(tag: str, phrase: str, include: tuple[Clause, ...], exclude: tuple[Clause, ...] = ()) -> Metadata:
    return Metadata(tag=tag, include=include, exclude=exclude, prompt=f"a photo of {phrase}")


def lines(prompts: list[Metadata]) -> str:
    """As GenEval writes its file of prompts."""
    return "".join(json.dumps(prompt.to_dict()) + "\n" for prompt in prompts)


def main() -> None:
    pairs = partners()
    for name, prompts in (("plain", [pair[0] for pair in pairs]), ("odd", [pair[1] for pair in pairs])):
        (ROOT / "docs" / "data" / "prompts" / f"{name}.jsonl").write_text(lines(prompts))


if __name__ == "__main__":
    main()
