"""The options that choose a model, on every command that loads one."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from scalingar.bench import BENCHMARKS
from scalingar.cli.main import app, main
from scalingar.cli.model_options import split_model, split_section
from scalingar.pipeline.model_choice import ModelChoice
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.png import read_recipe
from tests.bench.fakes import Bright
from tests.tiny.t5 import save_tiny_t5
from tests.upstream import released_files


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Path]:
    """Transformer, tokenizer and T5 of LlamaGen, in folders apart."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    transformer, tokenizer = released_files.save_t2i(tmp_path)
    (tmp_path / "vq").mkdir()
    return transformer, tokenizer.rename(tmp_path / "vq" / "vq.pt"), save_tiny_t5(tmp_path / "t5", width=32)


def words(files: tuple[Path, Path, Path]) -> list[str]:
    transformer, tokenizer, encoder = map(str, files)
    return ["--model", transformer, "--tokenizer", tokenizer, "--text-encoder", encoder, "model.grid=[8,8]"]


def test_a_transformer_with_its_parts_elsewhere_is_drawn_and_repeated(
    files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["model.clean_caption=false", "-n", "2", "-o", str(tmp_path / "first"), "-q"]
    assert main(["generate", "a red cat", *words(files), *more]) == 0, capsys.readouterr().err
    source = tmp_path / "first" / "image.png"
    recipe = read_recipe(source).recipe
    assert recipe.model.options == {
        "tokenizer": str(files[1]),
        "text_encoder": str(files[2]),
        "grid": (8, 8),
        "clean_caption": False,
    }
    assert main(["generate", "--like", str(source), "-o", str(tmp_path / "again")]) == 0
    assert f"identical to {source}" in capsys.readouterr().out
    assert (tmp_path / "again" / "image.png").read_bytes() == source.read_bytes()

    moved = files[1].rename(tmp_path / "moved.pt")
    there = ["--like", str(source), "--tokenizer", str(moved), "-o", str(tmp_path / "there")]
    assert main(["generate", *there]) == 1, "a weight file goes by its name, too"
    assert "was made with other weights" in capsys.readouterr().err
    moved = moved.rename(tmp_path / "vq.pt")
    there[3] = str(moved)
    assert main(["generate", *there]) == 0
    assert f"identical to {source}" in capsys.readouterr().out


def test_bench_takes_the_same_options(
    files: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BENCHMARKS._entries, "bright", Bright)
    run = ["bench", "run", "bright", "--strategy", "single", "--limit", "1", "-o", str(tmp_path / "runs")]
    assert main([*run, *words(files)]) == 0
    plan = json.loads((tmp_path / "runs" / "single" / "plan.json").read_text())
    choice = ModelChoice.from_dict(plan["recipe"]["model"])
    transformer, tokenizer, encoder = files
    said = {"name": transformer, "tokenizer": tokenizer, "text_encoder": encoder, "grid": (8, 8)}
    assert choice == ModelChoice.from_dict(said)
    image = next((tmp_path / "runs" / "single").glob("images/**/*.png"))
    with Image.open(image) as picture:
        assert picture.size == (64, 64)


def test_analyze_and_convert_take_them(
    files: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[ModelChoice] = []

    def load(choice: ModelChoice) -> Any:
        seen.append(choice)
        raise KeyboardInterrupt

    monkeypatch.setattr(ImagePipeline, "load", load)
    assert main(["analyze", "consistency", "a cat", *words(files), "--dtype", "bf16", "-o", str(tmp_path)]) == 130
    transformer, tokenizer, encoder = files
    said = {"name": transformer, "tokenizer": tokenizer, "text_encoder": encoder, "grid": (8, 8), "dtype": "bf16"}
    assert seen == [ModelChoice.from_dict(said)]
    capsys.readouterr()
    converted = [str(transformer), str(tmp_path / "out"), *words(files)[2:]]
    assert main(["convert", *converted, "--dtype", "bf16"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("command", [["generate"], ["bench", "run"], ["analyze", "consistency"], ["convert"]])
def test_help_shows_them_in_a_panel_of_their_own(command: list[str]) -> None:
    told = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "160"}).output
    for option in ("--variant", "--tokenizer", "--text-encoder", "--dtype"):
        assert told.count(f"{option} ") >= 1, option
    assert "scalingar ls models" in told


def test_words_about_the_model_are_told_from_others() -> None:
    section, others = split_model(["model.grid=[2,2]", "detector=embedded", "a model.x", "model.heads=3"])
    assert section == {"grid": [2, 2], "heads": 3}
    assert others == ["detector=embedded", "a model.x"]
    assert split_section(["sampling.top_k=3", "model.heads=3"], "sampling") == ({"top_k": 3}, ["model.heads=3"])
