"""``bench report``: the comparison of runs on standard output, and in files."""

import json
from collections.abc import Sequence
from pathlib import Path

from scalingar.bench.reports.formats import FORMATS
from scalingar.bench.reports.published import with_published
from scalingar.bench.reports.report_table import report_table
from scalingar.bench.reports.write_report import write_report
from scalingar.bench.runs.comparison import compare
from scalingar.bench.runs.results import RunResults
from scalingar.cli.terminal import say
from scalingar.core.errors import ConfigError
from scalingar.core.registry import suggestion

_JSON = "json"


def tell_report(
    runs: Sequence[RunResults], baseline: str | None, output: Path | None, form: str, published: bool
) -> None:
    """Compare, print, and write into ``output`` if it is given.

    Raises:
        ConfigError: no such format. BenchmarkError: runs that cannot be compared, or nothing is published.
    """
    if form not in (*FORMATS, _JSON):
        raise ConfigError(f"--format {form!r} is no format{suggestion(form, [*FORMATS, _JSON])}")
    comparison = compare(runs, baseline)
    if form == _JSON and published:
        raise ConfigError("--published is for tables; take another --format than json.")
    if form == _JSON:
        ending, text = _JSON, json.dumps([results.to_dict() for results in runs]) + "\n"
    else:
        ending, written = FORMATS[form]
        table = report_table(comparison)
        text = written(with_published(table, runs) if published else table)
    for path in [] if output is None else write_report(comparison, text, ending, output):
        say(f"wrote {path}", to_stderr=True)
    say(text, end="")
