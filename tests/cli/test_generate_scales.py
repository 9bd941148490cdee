"""``scalingar generate`` with a next-scale model: its files, its tables, its default strategy."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scalingar.cli.main import main
from scalingar.pipeline.png import read_recipe
from scalingar.strategies import TTSVar
from tests.tiny import scale_pipes

BY_CONFIDENCE = ("strategy.reward=confidence",)
FILES = {"image.png", "image@4x.png", "sheet.png", "confidence.png", "scales.png", "trace.json"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("var")
    scale_pipes.save_var(place)
    return place


def generate(folder: Path, output: Path, *more: str) -> int:
    return main(["generate", "3", "--model", str(folder), "-o", str(output), *more])


def test_a_run_leaves_its_files_and_tells_who_descends_from_whom(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert generate(folder, tmp_path, "-n", "2", "--seed", "7", *BY_CONFIDENCE, "strategy.temperature_inverse=100") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert isinstance(read_recipe(tmp_path / "image.png").recipe.strategy, TTSVar)
    assert "another of its cluster went on" in out
    assert "images compared" in out
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert trace["scales"] == [[side, side] for side in scale_pipes.SIDES]
    candidates = trace["images"][0]["candidates"]
    originals = [one for one in candidates if one["parent"] is None]
    copies = [one for one in candidates if one["parent"] is not None]
    assert len(originals) == 16
    assert copies, "an inverse temperature this high draws somebody twice"
    for copy in copies:
        assert copy["codes"][0] == candidates[copy["parent"]]["codes"][0]
        assert f"#{copy['parent']} from scale {copy['born']}" in out
        assert copy["drawn"] < copy["tokens"]
    assert sum(one["drawn"] for one in candidates) == trace["ledger"]["tokens"]
    chosen = candidates[trace["images"][0]["chosen"]]
    scored = [scale for scale, value in enumerate(chosen["trace"]["reward"]) if value is not None]
    assert tuple(scored) == TTSVar().plan(len(scale_pipes.SIDES)).resampling
    assert chosen["rewards"]["confidence"] == chosen["signals"]["confidence"]


def test_like_repeats_a_picture(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(folder, tmp_path / "first", "-k", "2", "--guidance-scale", "2.5", *BY_CONFIDENCE, "-q") == 0
    source = tmp_path / "first" / "image-0001.png"
    assert main(["generate", "--like", str(source), "-o", str(tmp_path / "again")]) == 0
    with Image.open(source) as before, Image.open(tmp_path / "again" / "image.png") as after:
        assert np.array_equal(np.asarray(before), np.asarray(after))
    assert "identical to" in capsys.readouterr().out


def test_a_strategy_of_the_other_family_is_one_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(folder, tmp_path, "--strategy", "scaling-ar") == 1
    err = capsys.readouterr().err
    assert "scaling-ar is for next-token models, and this model is next-scale; choose from allocate, beam" in err
    assert err.count("\n") == 1
    assert generate(folder, tmp_path, "strategy.gate.quantile=0.1") == 1
    assert "is no setting of tts-var; take a strategy that has it (scaling-ar)" in capsys.readouterr().err


def test_a_reward_is_never_chosen_silently(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for strategy in ("tts-var", "best-of-n", "importance-sampling"):
        assert generate(folder, tmp_path, "--strategy", strategy) == 1
        err = capsys.readouterr().err
        assert f"the strategy {strategy} needs a reward, and {folder} has no default" in err
        assert "image-reward" in err
        assert err.count("\n") == 1


def test_the_default_strategy_goes_by_the_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more, name in ((["-n", "4"], "tts-var"), ([], "tts-var"), (["--strategy", "best-of-n"], "best-of-n")):
        assert generate(folder, Path("never"), *more, "--print-config") == 0
        assert f"name: {name}\n" in capsys.readouterr().out
    assert main(["generate", "3", f"model={folder}", "--print-config"]) == 0
    assert "name: tts-var\n" in capsys.readouterr().out


def test_other_strategies_write_the_same_files(folder: Path, tmp_path: Path) -> None:
    assert generate(folder, tmp_path, "--strategy", "importance-sampling", "-n", "2", *BY_CONFIDENCE, "-q") == 0
    assert {path.name for path in tmp_path.iterdir()} == FILES
