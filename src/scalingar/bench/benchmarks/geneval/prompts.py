"""GenEval's 553 prompts: read from the official file, or built from the phrases in this package."""

from collections import Counter
from functools import cache
from importlib.resources import files
from pathlib import Path

from scalingar.bench.benchmarks.geneval.metadata import Clause, Metadata
from scalingar.bench.data_files import read_lines
from scalingar.core.errors import BenchmarkError, ConfigError, PromptError, sentence
from scalingar.core.text_file import lines_of, parse_json
from scalingar.models.embedded.grammar import TERMINALS, parse
from scalingar.models.embedded.vocabulary import COLORS, NUMBERS, OBJECT_CLASSES, RELATIONS, article, plural

PHRASES = "phrases.txt"


def read_prompts(path: str | Path) -> list[Metadata]:
    """Lines of an ``evaluation_metadata.jsonl``.

    Raises:
        BenchmarkError: the file cannot be read, is empty, repeats a prompt, or has a line that GenEval does not know.
    """
    lines = read_lines(path, "give an evaluation_metadata.jsonl")
    prompts = [parse_line(line, f"{path}, line {number}") for number, line in lines]
    if not prompts:
        raise BenchmarkError(f"{path} holds no prompts; give an evaluation_metadata.jsonl.")
    counts = Counter(metadata.prompt for metadata in prompts)
    if repeated := [prompt for prompt, count in counts.items() if count > 1]:
        raise BenchmarkError(f"{path} holds the prompt {repeated[0]!r} twice; remove one of them.")
    return prompts


def parse_line(line: str, where: str) -> Metadata:
    """One official line. Raises BenchmarkError; ``where`` names the line in its message."""
    try:
        return Metadata.model_validate(parse_json(line))
    except ConfigError as error:
        raise BenchmarkError(f"{where}: {sentence(error)}") from None
    except ValueError as error:
        raise BenchmarkError(f"{where} is no JSON ({error}); copy the file again.") from None


@cache
def official_prompts() -> tuple[Metadata, ...]:
    """The 553 prompts in the official order (djghosh13/geneval, commit af4902f, MIT License)."""
    text = files("scalingar.bench.benchmarks.geneval").joinpath(PHRASES).read_text("utf-8")
    return tuple(spell_out(phrase) for phrase in lines_of(text))


def spell_out(phrase: str) -> Metadata:
    """The prompt and clauses of a phrase in GenEval's grammar.

    >>> spell_out("dog right of teddy bear").prompt
    'a photo of a dog right of a teddy bear'
    >>> spell_out("two bench").prompt
    'a photo of two benchs'

    Raises:
        PromptError: the phrase is not of one of the six kinds.
    """
    parsed = parse(phrase)
    words = list(parsed.terminals)
    match [] if parsed.unknown else [_kind(terminal) for terminal in parsed.ids]:
        case ["object"]:
            return _metadata("single_object", _with_article(words[0]), Clause(name=words[0], count=1))
        case ["object", "and", "object"]:
            return _metadata("two_object", _both(words[:1], words[2:]), *(Clause(name=w, count=1) for w in words[::2]))
        case ["number", "object"]:
            return _counting(words[1], NUMBERS.index(words[0]) + 2)
        case ["color", "object"]:
            return _metadata("colors", _with_article(*words), _colored(*words))
        case ["object", "relation", "object"]:
            return _position(words[0], words[1], words[2])
        case ["color", "object", "and", "color", "object"]:
            return _metadata("color_attr", _both(words[:2], words[3:]), _colored(*words[:2]), _colored(*words[3:]))
    raise PromptError(f"{phrase!r} is no phrase of GenEval's grammar, such as 'two clock' or 'red cup and blue bowl'.")


def _kind(terminal: int) -> str:
    """The kind of a terminal, by its id, because "orange" is both a colour and a fruit."""
    word = TERMINALS[terminal]
    if terminal >= len(TERMINALS) - len(OBJECT_CLASSES):
        return "object"
    kinds = {"number": NUMBERS, "relation": RELATIONS, "color": COLORS, "and": ("and",)}
    return next(kind for kind, members in kinds.items() if word in members)


def _counting(name: str, count: int) -> Metadata:
    return Metadata(
        tag="counting",
        include=(Clause(name=name, count=count),),
        exclude=(Clause(name=name, count=count + 1),),
        prompt=f"a photo of {NUMBERS[count - 2]} {plural(name)}",
    )


def _position(subject: str, relation: str, target: str) -> Metadata:
    """The target is the first clause, although the prompt names it last."""
    clauses = Clause(name=target, count=1), Clause(name=subject, count=1, position=(relation, 0))
    return _metadata("position", f"{_with_article(subject)} {relation} {_with_article(target)}", *clauses)


def _metadata(tag: str, phrase: str, *include: Clause) -> Metadata:
    return Metadata(tag=tag, include=include, prompt=f"a photo of {phrase}")


def _colored(color: str, name: str) -> Clause:
    return Clause(name=name, count=1, color=color)


def _with_article(*words: str) -> str:
    phrase = " ".join(words)
    return f"{article(phrase)} {phrase}"


def _both(first: list[str], second: list[str]) -> str:
    return f"{_with_article(*first)} and {_with_article(*second)}"
