"""What is read out of prompts."""

import pytest

from scalingar.bench.benchmarks.t2i_compbench.prompt_words import (
    around_preposition,
    counted_things,
    first_and_last_noun,
)
from tests.bench.benchmarks.t2i_compbench.documents import document

SINGULARS = {"books": "book", "traffic lights": "traffic light", "sheep": "sheep", "lights": "light"}


def test_the_first_and_the_last_noun() -> None:
    assert first_and_last_noun(document("a dog/n on the left/n of a cat/n")) == ("dog", "cat")
    assert first_and_last_noun(document("a dog/n sleeps")) == ("dog", "dog")
    assert first_and_last_noun(document("sleep")) is None


@pytest.mark.parametrize(
    ("tagged", "expected"),
    [
        ("the red book/n is next to the blue vase/n", ("book", "vase")),
        ("the old Tower/p on top of a green hill/n with trees/n", ("Tower", "hill")),
        ("a lamp/n near New/p York/p City/p .", ("lamp", "City")),
        ("a lamp/n near York/p", None),
        ("a cup/n sits", None),
        ("a cup/n near a book/n and a pen/n near a box/n", None),
        ("a cup/n on the left of a book/n", ("cup", "book")),
    ],
)
def test_the_nouns_around_a_preposition(tagged: str, expected: tuple[str, str] | None) -> None:
    assert around_preposition(document(tagged)) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("three books and a light", [("book", 3), ("light", 1)]),
        ("two traffic lights", [("traffic light", 2)]),
        ("a traffic light", [("traffic light", 1)]),
        ("two traffic light", [("traffic light", 1)]),
        ("four sheep", [("sheep", 4)]),
        ("one sheep", [("sheep", 1)]),
        ("five unicorns , many books and two", []),
    ],
)
def test_counted_things(prompt: str, expected: list[tuple[str, int]]) -> None:
    assert counted_things(document(prompt), SINGULARS) == expected
