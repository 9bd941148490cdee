from pathlib import Path
from typing import Any

import pytest

from scalingar.cli.main import main
from scalingar.cli.words.set_once import together
from scalingar.core.errors import ConfigError


def test_options_and_words_are_put_together() -> None:
    options = {"seed": 1, "model.name": "embedded"}
    words = ["guidance_scale=2", "strategy={gate: {quantile: 0.1}}", "strategy.num_trajectories=3"]
    assert together(options, words) == {
        **options,
        "guidance_scale": 2,
        "strategy": {"gate": {"quantile": 0.1}},
        "strategy.num_trajectories": 3,
    }


@pytest.mark.parametrize(
    ("options", "words", "message"),
    [
        ({"seed": 1}, ["seed=1"], "seed is set twice, also by seed=; leave one of them out."),
        ({"strategy.name": "single"}, ["strategy=single"], "strategy.name is set twice, also by strategy="),
        ({"strategy.num_trajectories": 4}, ["strategy={num_trajectories: 3}"], "num_trajectories is set twice"),
        ({}, ["model=embedded", "model.name=embedded"], "model.name is set twice, also by model.name="),
    ],
)
def test_what_is_set_twice_is_refused(options: dict[str, Any], words: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as told:
        together(options, words)
    assert message in str(told.value)


OTHER = "model.name=embedded-next-scale"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["compare", "a dog", "--seed", "1", "seed=2"], "seed"),
        (["compare", "a dog", "--model", "embedded", OTHER], "model.name"),
        (["serve", "embedded", "--strategy", "single", "strategy.name=best-of-n", "--check"], "strategy.name"),
        (["serve", "embedded", OTHER, "--check"], "model.name"),
        (["studio", "embedded", OTHER, "--check"], "model.name"),
        (["bench", "plan", "geneval", "--model", "embedded", OTHER], "model.name"),
        (["bench", "run", "geneval", "--model", "embedded", OTHER], "model.name"),
        (["analyze", "prefixes", "embedded", "--prompts", "x.txt", OTHER], "model.name"),
        (["analyze", "consistency", "a dog", "--dtype", "fp32", "model.dtype=bf16"], "model.dtype"),
        (["verifier", "train", "embedded", "--prompts", "x.txt", OTHER], "model.name"),
        (["convert", "a", "b", "--dtype", "fp32", "model.dtype=bf16"], "model.dtype"),
    ],
)
def test_no_command_settles_a_contradiction(
    words: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: {name} is set twice, also by {name}=; leave one of them out.\n")
    assert not list(tmp_path.iterdir())
