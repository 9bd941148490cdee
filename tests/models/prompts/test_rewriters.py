"""What second prompts say, and what cannot be rewritten."""

import json

import pytest

from scalingar.core.errors import ConfigError, PromptError
from scalingar.models.embedded.grammar import parse
from scalingar.models.prompts.rewriters import REWRITERS, build_rewriter, rewritten
from tests.models.embedded.test_grammar import GENEVAL


@pytest.mark.parametrize(
    ("prompt", "second"),
    [
        ("a photo of a dog and a cat", "a photo of a dog left of a cat"),
        ("A red apple AND two dogs", "A red apple left of two dogs"),
        ("a photo of a dog", "a photo of a dog"),
        ("a photo of three dogs", "a photo of three dogs"),
        ("a dog above a cat and a cow", "a dog above a cat and a cow"),
        ("a dog and a cat and a cow", "a dog and a cat and a cow"),
        ("a dog_and_a cat", "a dog_left of_a cat"),
        ("an orange and a red cat", "an orange left of a red cat"),
        ("a photo of a black and white cat", "a photo of a black and white cat"),
        ("two and three dogs", "two and three dogs"),
        ("a dog and", "a dog and"),
        ("and a dog", "and a dog"),
        ("a dog and a cat red", "a dog and a cat red"),
    ],
)
def test_layout(prompt: str, second: str) -> None:
    assert build_rewriter("layout")(prompt) == second


def test_layout_of_all_of_geneval() -> None:
    """Two things are placed, everything else stays as it is."""
    rewrite = build_rewriter("layout")
    for entry in GENEVAL:
        second = rewrite(entry["prompt"])
        if entry["tag"] in ("two_object", "color_attr"):
            expected = ["left of" if word == "and" else word for word in parse(entry["prompt"]).terminals]
            assert list(parse(second).terminals) == expected, json.dumps(entry)
        else:
            assert second == entry["prompt"]


def test_words_of_your_own_for_every_prompt() -> None:
    rewrite = build_rewriter("text:a dog: left of a cat")
    assert rewrite("a dog") == rewrite("anything") == "a dog: left of a cat"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("lay-out", "'lay-out' is not among the rewriters; did you mean 'layout'?"),
        ("layout:a dog", "layout takes no words"),
        ("text", "needs the second prompt after a colon"),
        ("text:", "ends in ':'"),
        ("text: ", "needs the second prompt after a colon"),
    ],
)
def test_what_is_no_rewriter(name: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        build_rewriter(name)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("prompt", "unknown"), [("a dragon and a cat", "'dragon'"), ("207", "'207'"), ("of the", "it")]
)
def test_layout_names_words_it_does_not_know(prompt: str, unknown: str) -> None:
    with pytest.raises(PromptError, match=f"it does not know {unknown}"):
        build_rewriter("layout")(prompt)


@pytest.mark.parametrize("made", [None, 3, " "])
def test_what_is_no_second_prompt(made: object) -> None:
    with REWRITERS.temporarily("wrong", lambda words: lambda prompt: made), pytest.raises(PromptError):  # type: ignore[arg-type,return-value]
        rewritten("wrong", "a dog")


@pytest.mark.parametrize("name", list(REWRITERS))
def test_every_rewriter_is_a_function_of_the_prompt(name: str) -> None:
    """Said in one line for lists; made twice it writes the same."""
    assert (REWRITERS[name].__doc__ or "").split("\n")[0].endswith(".")
    words = None if name == "layout" else "a dog"
    first, again = (REWRITERS[name](words)("a cat and a dog") for _ in range(2))
    assert first == again
