import pytest
import typer

from scalingar.cli.words.prompt_and_settings import split_words


@pytest.mark.parametrize(
    ("words", "prompt", "settings"),
    [
        ([], None, []),
        (["a red apple"], "a red apple", []),
        (["seed=1", "a dog", "strategy.gate.quantile=0.1"], "a dog", ["seed=1", "strategy.gate.quantile=0.1"]),
        (["a sign that says x=y"], "a sign that says x=y", []),
        ([""], "", []),
        (["207"], "207", []),
    ],
)
def test_prompt_and_settings(words: list[str], prompt: str | None, settings: list[str]) -> None:
    assert split_words(words) == (prompt, settings)


def test_two_prompts_are_wrong_usage() -> None:
    with pytest.raises(typer.BadParameter, match="quotes"):
        split_words(["a", "dog"])
