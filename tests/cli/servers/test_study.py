"""``scalingar study``: from runs to a report, and what cannot be done in one sentence each."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scalingar.bench.benchmark import BENCHMARKS
from scalingar.bench.study.study import STUDY, Study
from scalingar.cli.main import main
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, runner
from tests.bench.study.people import ask_all, study


@pytest.fixture(autouse=True)
def _bright() -> Iterator[None]:
    with BENCHMARKS.temporarily("bright", Bright):
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    finish(runner(folder / "single", "single"))
    finish(runner(folder / "random", "random-of-n"))
    return folder


def test_from_runs_to_a_study(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "study"
    assert main(["study", "build", str(runs), "-o", str(folder), "--per-participant", "3"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("5 prompts of 2 runs: ")
    assert out.endswith(f"ask people with: scalingar study serve {folder}\n")
    assert Study.read(folder).names == ["random", "single"]
    assert main(["study", "serve", str(folder), "--port", "0", "--check"]) == 0
    assert "3 questions for each participant, at http://127.0.0.1:" in capsys.readouterr().out


def test_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / STUDY).write_text(study().model_dump_json())
    ask_all(tmp_path, study(), 3).close()
    assert main(["study", "report", str(tmp_path), "-o", str(tmp_path / "told")]) == 0
    out, err = capsys.readouterr()
    assert out == (tmp_path / "told" / "report.md").read_text()
    assert err.count("wrote ") == 3
    assert "3 are few" in out
    assert main(["study", "report", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["participants"] == 3


def test_a_second_report_is_kept_beside_the_first(tmp_path: Path) -> None:
    (tmp_path / STUDY).write_text(study().model_dump_json())
    for people in (3, 4):
        ask_all(tmp_path, study(), people).close()
        assert main(["study", "report", str(tmp_path), "-o", str(tmp_path / "told")]) == 0
    participants = [
        json.loads((tmp_path / name / "report.json").read_text())["participants"] for name in ("told", "told-2")
    ]
    assert participants[0] < participants[1]


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    assert main(["study", *map(str, words)]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def test_one_sentence_each(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "holds no run; give a folder written by 'bench run'" in told(capsys, "build", tmp_path, runs)
    incomplete = Path(shutil.copytree(runs / "single", tmp_path / "incomplete"))
    lines = (incomplete / "samples.jsonl").read_text().splitlines(keepends=True)
    (incomplete / "samples.jsonl").write_text("".join(lines[:-2]))
    assert "is not complete: image" in told(capsys, "build", runs / "single", incomplete, "-o", tmp_path / "s")
    assert main(["study", "build", str(runs), "-o", str(tmp_path / "s")]) == 0
    capsys.readouterr()
    assert "holds a study already" in told(capsys, "build", runs, "-o", tmp_path / "s")
    assert "has no answers yet; ask people with 'study serve" in told(capsys, "report", tmp_path / "s")
    assert "holds no study (study.json is missing)" in told(capsys, "serve", runs)
    assert "there is no key" in told(capsys, "serve", tmp_path / "s", "--host", "0.0.0.0")
