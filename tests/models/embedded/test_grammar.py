"""Reading prompts: every GenEval prompt means what its metadata says."""

import json
from pathlib import Path
from typing import Any

import pytest

from scalingar.models.embedded import grammar, vocabulary
from scalingar.models.embedded.grammar import TERMINALS, parse

METADATA = Path(__file__).parents[2] / "data" / "geneval" / "evaluation_metadata.jsonl"
GENEVAL = [json.loads(line) for line in METADATA.read_text().splitlines()]
NUMBERS = {2: "two", 3: "three", 4: "four"}


def implied(entry: dict[str, Any]) -> list[str]:
    """The terminals an entry's metadata stands for, in the order of its prompt."""
    first, *rest = entry["include"]
    if entry["tag"] == "counting":
        return [NUMBERS[first["count"]], first["class"]]
    if entry["tag"] == "position":
        relation, anchor = rest[0]["position"]
        return [rest[0]["class"], relation, entry["include"][anchor]["class"]]
    phrases = [[item[key] for key in ("color", "class") if key in item] for item in (first, *rest)]
    return phrases[0] + ["and", *phrases[1]] if rest else phrases[0]


def test_all_of_geneval_is_here() -> None:
    assert len(GENEVAL) == 553
    assert {entry["tag"] for entry in GENEVAL} == {
        "single_object",
        "two_object",
        "counting",
        "colors",
        "position",
        "color_attr",
    }


@pytest.mark.parametrize("entry", GENEVAL, ids=lambda entry: entry["prompt"])
def test_geneval_prompts(entry: dict[str, Any]) -> None:
    parsed = parse(entry["prompt"])
    assert parsed.unknown == ()
    assert list(parsed.terminals) == implied(entry)


def test_vocabulary_is_genevals() -> None:
    items = [item for entry in GENEVAL for item in entry["include"]]
    assert {item["class"] for item in items} == set(vocabulary.OBJECT_CLASSES)
    assert {item["color"] for item in items if "color" in item} == set(vocabulary.COLORS)
    relations = {item["position"][0] for item in items if "position" in item}
    assert relations == set(vocabulary.RELATIONS)


def test_terminals_are_told_apart_by_id() -> None:
    assert TERMINALS[0] == ""
    assert len(TERMINALS) == 2 + 3 + 4 + 10 + 80
    twice = [word for word in set(TERMINALS) if TERMINALS.count(word) > 1]
    assert twice == ["orange"]
    colour, fruit = parse("an orange orange").ids
    assert (TERMINALS[colour], TERMINALS[fruit]) == ("orange", "orange")
    assert colour < fruit


@pytest.mark.parametrize(
    ("prompt", "terminals"),
    [
        ("an orange", ["orange"]),
        ("an orange and a bench", ["orange", "and", "bench"]),
        ("two oranges", ["two", "orange"]),
        ("an orange dining table", ["orange", "dining table"]),
        ("a teddy bear", ["teddy bear"]),
        ("a bear left of a teddy bear", ["bear", "left of", "teddy bear"]),
        ("A Photo of TWO Red Buses.", ["two", "red", "bus"]),
        ("a photo of four benchs", ["four", "bench"]),
        ("three people, and two knives", ["three", "person", "and", "two", "knife"]),
        ("", []),
    ],
)
def test_reading(prompt: str, terminals: list[str]) -> None:
    parsed = parse(prompt)
    assert list(parsed.terminals) == terminals
    assert parsed.unknown == ()


def test_an_orange_with_and_without_an_object() -> None:
    """The colour before an object, the fruit alone: two ids."""
    colour = parse("an orange cow").ids[0]
    fruit = parse("an orange").ids[0]
    assert colour != fruit
    assert parse("two oranges").ids[1] == fruit
    assert parse("an orange and a cow").ids[0] == fruit


def test_unknown_words_are_named_in_order() -> None:
    parsed = parse("a shiny dog riding a unicorn")
    assert parsed.unknown == ("shiny", "riding", "unicorn")
    assert parsed.terminals == ("dog",)


@pytest.mark.parametrize("name", vocabulary.OBJECT_CLASSES)
def test_singular_and_every_plural_mean_the_class(name: str) -> None:
    (singular,) = parse(name).ids
    for form in vocabulary.plurals(name):
        assert parse(f"two {form}").ids[1] == singular


def test_articles_and_plurals() -> None:
    assert [vocabulary.article(word) for word in ("orange cow", "cow", "umbrella")] == [
        "an",
        "a",
        "an",
    ]
    assert [vocabulary.plural(word) for word in ("bus", "bench", "sheep")] == [
        "buses",
        "benchs",
        "sheeps",
    ]


def test_longest_phrase_covers_the_vocabulary() -> None:
    forms = [form for name in vocabulary.OBJECT_CLASSES for form in vocabulary.plurals(name)]
    words = max(len(form.split()) for form in (*forms, *vocabulary.RELATIONS))
    assert words <= grammar._LONGEST


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("a photo of a dog \u0438 \u043a\u043e\u0448\u043a\u0430", ["\u0438", "\u043a\u043e\u0448\u043a\u0430"]),
        ("a photo of a dog 狗 猫", ["狗", "猫"]),
        ("a dog狗", ["狗"]),
        ("a dog mit Kätzchen", ["mit", "kätzchen"]),
        ("a dog mit Ka\u0308tzchen", ["mit", "kätzchen"]),
        ("dog \u0915\u0941\u0924\u094d\u0924\u093e", ["\u0915\u0941\u0924\u094d\u0924\u093e"]),
        ("a dog 🐕‍🦺 and a cat👩🏽", ["🐕‍🦺", "👩🏽"]),
        ("a dog \u202e \u0308 cat", []),
        ("a dog—cat, \u00abdog\u00bb", []),
    ],
)
def test_every_unknown_word_is_named(prompt: str, unknown: list[str]) -> None:
    parsed = parse(prompt)
    assert "dog" in parsed.terminals
    assert list(parsed.unknown) == unknown
