"""A report as files: the table, and quality against tokens."""

from pathlib import Path

from matplotlib.figure import Figure

from scalingar.bench.runs.comparison import Comparison
from scalingar.core.files import write_beside
from scalingar.report.figure import new_figure, own_style, png_bytes, quiet_axes
from scalingar.report.labels import label_points
from scalingar.report.palette import CHOSEN, FINISHED, INK, RULE


@own_style
def quality_plot(comparison: Comparison) -> Figure:
    """Overall score, with its standard error, against tokens per image."""
    figure = new_figure(7.5, 4.8)
    axes = figure.subplots()
    quiet_axes(axes)
    for run in comparison.runs:
        overall, tokens = run.summary.overall, run.costs["tokens_per_image"]
        color = CHOSEN if "scaling-ar" in run.name else FINISHED
        axes.errorbar(tokens, overall.value, yerr=overall.standard_error, fmt="o", color=color, ecolor=RULE, capsize=3)
    axes.set_xlabel("tokens per image", color=INK)
    axes.set_ylabel(f"{comparison.runs[0].summary.label}, overall", color=INK)
    axes.margins(x=0.2)
    label_points(
        axes, {run.name: (run.costs["tokens_per_image"], run.summary.overall.value) for run in comparison.runs}
    )
    return figure


def write_report(comparison: Comparison, text: str, ending: str, folder: Path) -> list[Path]:
    """``report.<ending>`` and ``quality.png``, beside others of these names; returns what was written.

    Raises:
        OutputError: the folder cannot be written to.
    """
    what = f"scalingar: score against tokens of {', '.join(run.name for run in comparison.runs)}"
    files = {f"report.{ending}": text.encode(), "quality.png": png_bytes(quality_plot(comparison), what)}
    place = write_beside(folder, files)
    return [place / name for name in files]
