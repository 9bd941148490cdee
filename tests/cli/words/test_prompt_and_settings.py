import io
from pathlib import Path

import pytest
import typer

from scalingar.cli.words.prompt_and_settings import (
    gathered,
    may_be_prompt,
    names_a_file,
    prompts_of,
    split_words,
    with_literal_prompt,
    with_short_values,
)
from scalingar.core.errors import ConfigError
from scalingar.pipeline.recipe import parse_override


@pytest.mark.parametrize(
    ("words", "prompts", "settings"),
    [
        ([], [], []),
        (["a red apple"], ["a red apple"], []),
        (["seed=1", "a dog", "strategy.gate.quantile=0.1"], ["a dog"], ["seed=1", "strategy.gate.quantile=0.1"]),
        (["a sign that says x=y"], ["a sign that says x=y"], []),
        (["E=mc2 written beside a dog"], ["E=mc2 written beside a dog"], []),
        (["x=y \u72d7"], ["x=y \u72d7"], []),
        (["prompt=a dog"], [], ["prompt=a dog"]),
        (["model.negative_prompt=a blurry dog"], [], ["model.negative_prompt=a blurry dog"]),
        (["sead=1"], [], ["sead=1"]),
        ([""], [""], []),
        (["207", "88"], ["207", "88"], []),
        (["a dog", "seed=1", "-", "\u72d7"], ["a dog", "-", "\u72d7"], ["seed=1"]),
        (["a dog", 'prompt="E=mc2"', 'prompt="x=1"'], ["a dog", "E=mc2", "x=1"], []),
    ],
)
def test_prompts_and_settings(words: list[str], prompts: list[str], settings: list[str]) -> None:
    assert split_words(words) == (prompts, settings)


def test_a_word_that_begins_like_no_setting_may_be_the_prompt() -> None:
    assert may_be_prompt(["cat=dog"]) == "cat=dog"
    assert may_be_prompt(["seed=1"]) is may_be_prompt(["strategy.nmae=x"]) is may_be_prompt(["a=b", "c=d"]) is None
    assert may_be_prompt(["a photo of a dog"]) is None


@pytest.mark.parametrize("words", [["a", "dog"], ["ein", "B\u00e4r"], ["a red apple", "dog,"]])
def test_a_prompt_without_its_quotes_is_wrong_usage(words: list[str]) -> None:
    with pytest.raises(typer.BadParameter, match="put each prompt in quotes"):
        split_words(words)


def test_gathering_prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "l.csv").write_text("id,prompt\n1,a cat\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a bird\n")))
    assert gathered(["a dog", "-"], tmp_path / "l.csv") == ["a dog", "a bird", "a cat"]
    with pytest.raises(typer.BadParameter, match=r"write --prompts l\.csv"):
        gathered(["l.csv"], None)


@pytest.mark.parametrize("prompt", ["E=mc2", 'seed="1" \u72d7', "prompt=x", "a dog", "-x"])
def test_after_two_dashes_all_is_prompt(prompt: str) -> None:
    command, dashes, word = with_literal_prompt(["generate", "--", prompt])
    assert (command, dashes) == ("generate", "--")
    assert (parse_override(word) if word.startswith("prompt=") else ("prompt", word)) == ("prompt", prompt)
    assert with_literal_prompt(["generate", "seed=1"]) == ["generate", "seed=1"]


def test_an_equals_sign_after_a_short_option_is_none_of_its_value() -> None:
    words = ["generate", "a=b", "-o=~/x=y", "--seed=1", "-n=", "--", "-o=x"]
    assert with_short_values(words) == ["generate", "a=b", "-o", "~/x=y", "--seed=1", "-n", "", "--", "-o=x"]


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
