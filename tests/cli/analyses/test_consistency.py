from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from scalingar.cli.analyses.consistency import consistency
from scalingar.core.errors import ConfigError
from tests.tiny import scale_pipes


def run(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(consistency)
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_prompts_of_a_file_become_a_table_and_a_plot(tmp_path: Path) -> None:
    scale_pipes.save_var(tmp_path)
    (tmp_path / "prompts.txt").write_text("# classes\n3\n\n1\n")
    more = ["--model", str(tmp_path), "--reward", "confidence", "-n", "3", "-o", str(tmp_path / "o")]
    table = run(str(tmp_path / "prompts.txt"), *more)
    assert "confidence, 2 prompts of 3 complete trajectories each" in table
    assert {path.suffix for path in (tmp_path / "o").iterdir()} == {".md", ".csv", ".png"}


def test_a_prompt_counts_once(tmp_path: Path) -> None:
    scale_pipes.save_var(tmp_path)
    (tmp_path / "prompts.txt").write_text("3\n3\n3\n")
    more = ["--model", str(tmp_path), "--reward", "confidence", "-n", "3", "-o", str(tmp_path / "o")]
    told = run(str(tmp_path / "prompts.txt"), *more)
    assert "warning: 2 prompts that came before left out" in told
    assert "confidence, 1 prompt of 3 complete trajectories each" in told
    assert "One prompt gives no intervals." in told
    assert "[" not in told


def test_an_unreadable_file_is_one_sentence(tmp_path: Path) -> None:
    scale_pipes.save_var(tmp_path)
    with pytest.raises(ConfigError, match="cannot read the prompts in"):
        run(str(tmp_path / "var_d16.pth"), "--model", str(tmp_path), "-o", str(tmp_path / "o"))


def test_a_refused_study_leaves_no_folder(tmp_path: Path) -> None:
    scale_pipes.save_var(tmp_path)
    with pytest.raises(ConfigError, match="nobody"):
        run("3", "1", "--model", str(tmp_path), "--reward", "nobody", "-o", str(tmp_path / "o"))
    assert not (tmp_path / "o").exists()
