"""The judges of T2I-CompBench, and the score that each kind of category makes of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from PIL import Image

from scalingar.bench.benchmarks.t2i_compbench.depth import Nearness
from scalingar.bench.benchmarks.t2i_compbench.noun_chunks import NounChunks
from scalingar.bench.benchmarks.t2i_compbench.numeracy import count_score
from scalingar.bench.benchmarks.t2i_compbench.objects import Objects
from scalingar.bench.benchmarks.t2i_compbench.prompt_words import (
    Parse,
    around_preposition,
    counted_things,
    first_and_last_noun,
)
from scalingar.bench.benchmarks.t2i_compbench.relations import (
    LEAST,
    RELATIONS_2D,
    RELATIONS_3D,
    order_in_depth,
    pair_score,
    place,
    relation_of,
)
from scalingar.bench.judges.detectors import Detection
from scalingar.core.errors import BenchmarkError, ConfigError

YesProbability = Callable[[Image.Image, list[str]], list[float]]
Similarity = Callable[[Image.Image, str], float]
Scored = tuple[float, dict[str, Any]]
"""Points of 1, and what was found."""
MOST_QUESTIONS = 8
"""Questions about a prompt; further things that it names are ignored."""
_PERSON = dict.fromkeys(("girl", "boy", "man", "woman"), "person")
_LABELS = {**_PERSON, "ship": "boat", "telivision": "tv", "goldfish": "fish", "painting": "picture"}
"""The detector's words for those of the prompts, as upstream maps and spells them."""
T = TypeVar("T")


@dataclass(frozen=True)
class CategoryJudges:
    """Judges may be None where no category needs them. ``singulars``: of the plurals in prompts on numbers."""

    yes: YesProbability | None = None
    chunks: NounChunks | None = None
    similarity: Similarity | None = None
    parse: Parse | None = None
    objects: Objects | None = None
    depth: Nearness | None = None
    singulars: Mapping[str, str] | None = None

    def tried(self, picture: Image.Image) -> None:
        """Ask each judge something about a picture.

        Raises what it raises, such as WeightsError, and BenchmarkError of one that knows pictures by their file names.
        """
        if self.parse is not None:
            self.parse("a dog")
        if self.chunks is not None:
            self.chunks("a dog")
        if self.yes is not None:
            self.yes(picture, ["a dog?"])
        if self.similarity is not None:
            self.similarity(picture, "a dog")
        if self.objects is not None:
            self.objects(picture, ["dog"])
        if self.depth is not None:
            self.depth(picture)

    def attributes(self, prompt: str, image: Image.Image) -> Scored:
        """The product of the probabilities of all things that the prompt names, each with its attribute."""
        yes, chunks = _needed(self.yes, "a visual question answerer"), _needed(self.chunks, "noun chunks")
        questions = [f"{thing}?" for thing in chunks(prompt)[:MOST_QUESTIONS]]
        probabilities = yes(image, questions)
        return math.prod(probabilities), dict(zip(questions, probabilities, strict=True))

    def action(self, prompt: str, image: Image.Image) -> Scored:
        """The cosine of image and prompt."""
        return _needed(self.similarity, "an image-text similarity")(image, prompt), {}

    def spatial(self, prompt: str, image: Image.Image) -> Scored:
        """Two things and their places in the plane; scores below a half are 0."""
        return self._in_plane(prompt, image, first_and_last_noun(self._parsed(prompt)))

    def spatial_in_long_prompt(self, prompt: str, image: Image.Image) -> Scored:
        """The same of the things around the prompt's preposition."""
        return self._in_plane(prompt, image, around_preposition(self._parsed(prompt)))

    def depth_order(self, prompt: str, image: Image.Image) -> Scored:
        """Two things and which is nearer. A label that contains a thing's name is that thing."""
        names = _labels(first_and_last_noun(self._parsed(prompt)), _PERSON)
        found = self._found(image, names)
        pair = [next((thing for thing in found if name in thing.name), None) for name in names]
        if len(pair) < 2 or pair[0] is None or pair[1] is None:
            return pair_score(*_two(pair), relation=0.0), {"objects": _boxes(pair)}
        nearness = _needed(self.depth, "depth")(image)
        holds = order_in_depth(relation_of(prompt, RELATIONS_3D), pair[0].box, pair[1].box, nearness)
        return pair_score(pair[0], pair[1], holds), {"objects": _boxes(pair), "relation": holds}

    def numbers(self, prompt: str, image: Image.Image) -> Scored:
        """Things and how many of each."""
        singulars = _needed(self.singulars, "the names of new_objects.txt")
        wanted = counted_things(self._parsed(prompt), singulars)
        if not wanted:
            raise BenchmarkError(f"the prompt {prompt!r} has no number of a thing in new_objects.txt; copy both again.")
        renamed = [(_LABELS.get(name, name), number) for name, number in wanted]
        found = self._found(image, [name for name, _ in renamed])
        return count_score(renamed, found), {"objects": _boxes(found)}

    def _in_plane(self, prompt: str, image: Image.Image, nouns: tuple[str, str] | None) -> Scored:
        names = _labels(nouns, _PERSON)
        found = self._found(image, names) if names else []
        pair = _two([next((thing for thing in found if thing.name == name), None) for name in names])
        relation = relation_of(prompt, RELATIONS_2D)
        holds = 0.0 if pair[0] is None or pair[1] is None else place(relation, pair[0].box, pair[1].box)
        score = pair_score(*pair, relation=holds)
        return (0.0 if score < LEAST else score), {"objects": _boxes(pair), "relation": holds}

    def _parsed(self, prompt: str) -> Any:
        return _needed(self.parse, "a parser of prompts")(prompt)

    def _found(self, image: Image.Image, names: Sequence[str]) -> list[Detection]:
        return _needed(self.objects, "a detector")(image, names)


def _needed(judge: T | None, what: str) -> T:
    if judge is None:
        raise ConfigError(f"this category of T2I-CompBench needs {what}; give it, or leave the category out.")
    return judge


def _labels(nouns: tuple[str, str] | None, renamed: Mapping[str, str]) -> list[str]:
    return [renamed.get(noun, noun) for noun in nouns or ()]


def _two(pair: Sequence[Detection | None]) -> tuple[Detection | None, Detection | None]:
    return (pair[0], pair[1]) if len(pair) == 2 else (None, None)


def _boxes(found: Sequence[Detection | None]) -> list[dict[str, Any]]:
    return [{"name": one.name, "box": list(one.box), "score": one.score} for one in found if one is not None]
