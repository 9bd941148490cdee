from pathlib import Path

import pytest
import typer

from scalingar.cli.words.prompt_and_settings import (
    may_be_prompt,
    names_a_file,
    prompts_of,
    split_words,
    with_literal_prompt,
)
from scalingar.core.errors import ConfigError
from scalingar.pipeline.recipe import parse_override


@pytest.mark.parametrize(
    ("words", "prompt", "settings"),
    [
        ([], None, []),
        (["a red apple"], "a red apple", []),
        (["seed=1", "a dog", "strategy.gate.quantile=0.1"], "a dog", ["seed=1", "strategy.gate.quantile=0.1"]),
        (["a sign that says x=y"], "a sign that says x=y", []),
        (["E=mc2 written beside a dog"], "E=mc2 written beside a dog", []),
        (["x=y \u72d7"], "x=y \u72d7", []),
        (["prompt=a dog"], None, ["prompt=a dog"]),
        (["model.negative_prompt=a blurry dog"], None, ["model.negative_prompt=a blurry dog"]),
        (["sead=1"], None, ["sead=1"]),
        ([""], "", []),
        (["207"], "207", []),
    ],
)
def test_prompt_and_settings(words: list[str], prompt: str | None, settings: list[str]) -> None:
    assert split_words(words) == (prompt, settings)


def test_a_word_that_begins_like_no_setting_may_be_the_prompt() -> None:
    assert may_be_prompt(["cat=dog"]) == "cat=dog"
    assert may_be_prompt(["seed=1"]) is may_be_prompt(["strategy.nmae=x"]) is may_be_prompt(["a=b", "c=d"]) is None
    assert may_be_prompt(["a photo of a dog"]) is None


def test_two_prompts_are_wrong_usage() -> None:
    with pytest.raises(typer.BadParameter, match="quotes"):
        split_words(["a", "dog"])


@pytest.mark.parametrize("prompt", ["E=mc2", 'seed="1" \u72d7', "prompt=x", "a dog", "-x"])
def test_after_two_dashes_all_is_prompt(prompt: str) -> None:
    command, dashes, word = with_literal_prompt(["generate", "--", prompt])
    assert (command, dashes) == ("generate", "--")
    assert (parse_override(word) if word.startswith("prompt=") else ("prompt", word)) == ("prompt", prompt)
    assert with_literal_prompt(["generate", "seed=1"]) == ["generate", "seed=1"]


@pytest.mark.parametrize("word", ["a.txt", "prompts/dog.txt", "./dog", "~/dog", "/tmp/dog", "..\\dog", "R.JSONL"])
def test_paths_are_no_prompts(word: str) -> None:
    assert names_a_file(word)
    with pytest.raises(ConfigError, match=r"cannot read the prompts in .*No such file"):
        prompts_of([word])


@pytest.mark.parametrize(
    "word", ["a dog", "dog", "a dog and/or a cat", "see a.txt now", "a dog. A cat.txt", "x" * 5000, "\0"]
)
def test_prompts_are_no_paths(word: str) -> None:
    assert not names_a_file(word)
    assert prompts_of([word]) == [word]


def test_lines_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes("\ufeffa dog\r\n\r\na \u2028 cat\n".encode())
    assert prompts_of([str(tmp_path / "p")]) == ["a dog", "a \u2028 cat"]
    assert prompts_of([str(tmp_path / "p"), "a bird"]) == ["a dog", "a \u2028 cat", "a bird"]
    (tmp_path / "p").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"no UTF-8 text \(byte 0\); give a text file"):
        prompts_of([str(tmp_path / "p")])
    (tmp_path / "p").write_text("\n")
    with pytest.raises(ConfigError, match="holds no prompts"):
        prompts_of([str(tmp_path / "p")])
