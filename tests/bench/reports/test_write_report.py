"""A report and its plot as files."""

from pathlib import Path

from scalingar.bench.reports.write_report import write_report
from scalingar.bench.runs.comparison import compare
from scalingar.bench.runs.results import read_results
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, runner


def test_a_second_report_is_kept_beside_the_first(tmp_path: Path) -> None:
    finish(runner(tmp_path / "single", "single"))
    comparison = compare([read_results(tmp_path / "single", Bright())])
    first, second = (write_report(comparison, text, "md", tmp_path / "out") for text in ("one", "two"))
    assert [path.relative_to(tmp_path).as_posix() for path in first] == ["out/report.md", "out/quality.png"]
    assert [path.relative_to(tmp_path).as_posix() for path in second] == ["out-2/report.md", "out-2/quality.png"]
    assert [path.read_text() for path in (first[0], second[0])] == ["one", "two"]
