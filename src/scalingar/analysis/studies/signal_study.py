"""How well each signal tells right images from wrong ones, step by step."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scalingar.analysis.outcomes.findings import Cell, Findings, Interval
from scalingar.analysis.outcomes.outcome import RESAMPLES, SEED
from scalingar.analysis.outcomes.running_signals import running, signal_names
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.bench.statistics import auc, auc_interval
from scalingar.core.errors import BenchmarkError
from scalingar.report.figure import new_figure, own_style, quiet_axes, title
from scalingar.report.palette import FINISHED, INK, MUTED, RULE

FRACTIONS = (0.125, 0.25, 0.5, 0.75)
"""Shares of the steps after which the table shows the concordance."""
_POINTS = 48
"""Steps drawn per curve."""


def signal_findings(run: CompleteRun) -> Findings:
    """AUC of every signal and reward, among the candidates of an image and across prompts.

    Among candidates: the share of pairs of a right and a wrong candidate of the same image that the signal orders
    correctly, which is what selection needs. Across prompts: over all candidates, so that telling easy prompts from
    hard ones counts too.

    Raises:
        BenchmarkError: no image has both right and wrong candidates.
    """
    pairs = concordance(run.points, run.correct)[1].sum()
    if pairs == 0:
        raise BenchmarkError(
            f"no image of {run.folder} has both a right and a wrong candidate; nothing can be ordered."
        )
    signals = dict(_all_signals(run))
    rows = [_row(run, name, values) for name, values in signals.items()]
    figure = _plot(run, signals) if run.traced else _plot_ends(rows)
    return Findings("signals", rows, figure, notes=[_note(run, int(pairs))])


def _all_signals(run: CompleteRun) -> Iterator[tuple[str, Float[np.ndarray, "i n t"]]]:
    """Signals, step by step where they were traced; then rewards, which exist for complete images only."""
    names = signal_names(run)
    yield from ((name, running(run, name)) for name in names)
    yield from ((name, values[:, :, None]) for name, values in run.rewards.items() if name not in names)


def concordance(
    values: Float[np.ndarray, "i n"], correct: Bool[np.ndarray, "i n"]
) -> tuple[Float[np.ndarray, " i"], Float[np.ndarray, " i"]]:
    """Per image: correctly ordered pairs of a right and a wrong candidate (ties count half), and all such pairs."""
    mixed = correct[:, :, None] & ~correct[:, None, :]
    gaps = values[:, :, None] - values[:, None, :]
    wins = ((gaps > 0) + 0.5 * (gaps == 0)) * mixed
    return wins.sum(axis=(1, 2)), mixed.sum(axis=(1, 2)).astype(np.float64)


def concordance_interval(
    values: Float[np.ndarray, "i n"], correct: Bool[np.ndarray, "i n"], prompts: Int[np.ndarray, " i"]
) -> Interval:
    """The share of correctly ordered pairs, with a percentile bootstrap interval over whole prompts.

    A single prompt gives none.
    """
    wins, pairs = (np.bincount(prompts, part) for part in concordance(values, correct))
    rng, n = np.random.default_rng(SEED), len(pairs)
    draws = rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    totals = draws @ pairs
    shares = (draws @ wins)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(shares, [0.025, 0.975]) if n > 1 else (np.nan, np.nan)
    return Interval(float(wins.sum() / pairs.sum()), float(low), float(high))


def curve(
    run: CompleteRun, values: Float[np.ndarray, "i n t"], steps: Int[np.ndarray, " s"]
) -> Float[np.ndarray, "2 s"]:
    """Concordance among candidates and AUC across prompts at some steps."""
    points = np.empty((2, len(steps)))
    for column, step in enumerate(steps):
        wins, pairs = concordance(values[:, :, step], run.correct)
        points[:, column] = wins.sum() / pairs.sum(), auc(values[:, :, step].ravel(), run.correct.ravel())
    return points


def _row(run: CompleteRun, name: str, values: Float[np.ndarray, "i n t"]) -> dict[str, Cell]:
    clusters = np.repeat(run.prompt_numbers, run.trajectories)
    row: dict[str, Cell] = {"signal": name}
    for fraction in FRACTIONS if run.traced else ():
        step = round(fraction * values.shape[-1]) - 1
        row[f"at {fraction:.1%}".replace(".0%", "%")] = (
            float(curve(run, values, np.array([max(step, 0)]))[0, 0]) if values.shape[-1] > 1 else None
        )
    last = values[:, :, -1]
    row["among candidates"] = concordance_interval(last, run.correct, run.prompt_numbers)
    scores, labels = last.ravel(), run.correct.ravel()
    across = auc_interval(scores, labels, np.random.default_rng(SEED), clusters=clusters, resamples=500)
    row["across prompts"] = Interval(auc(scores, labels), *across)
    return row


def _note(run: CompleteRun, pairs: int) -> str:
    mixed = int((run.correct.any(axis=1) & ~run.correct.all(axis=1)).sum())
    at = " Columns 'at' are among candidates after that share of the steps." if run.traced else ""
    return (
        f"{mixed} of {run.images} images have both right and wrong candidates ({pairs} pairs). 0.5 is chance.{at} "
        "Intervals are 95 %, over whole prompts."
    )


@own_style
def _plot(run: CompleteRun, signals: dict[str, Float[np.ndarray, "i n _t"]]) -> Figure:
    """Curves of all traced signals over the steps."""
    steps = np.unique(np.linspace(0, run.steps - 1, _POINTS).round().astype(int))
    curves = {name: curve(run, values, steps) for name, values in signals.items() if values.shape[-1] > 1}
    figure = new_figure(11.0, 4.6)
    panels: Sequence[Axes] = figure.subplots(1, 2, sharex=True)
    for panel, (axes, text) in enumerate(zip(panels, ("among candidates of an image", "across prompts"), strict=True)):
        quiet_axes(axes)
        title(axes, text)
        axes.axhline(0.5, color=RULE, linewidth=1.2)
        for number, (name, values) in enumerate(curves.items()):
            style = "-" if number < 10 else "--"
            axes.plot(steps + 1, values[panel], style, color=f"C{number % 10}", linewidth=1.4, label=name)
        axes.set_xlabel("tokens drawn", color=INK)
    panels[0].set_ylabel("AUC", color=INK)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=8.5)
    return figure


@own_style
def _plot_ends(rows: Sequence[dict[str, Cell]]) -> Figure:
    """The concordance of complete trajectories with its intervals, one line per signal."""
    figure = new_figure(9.0, 1.2 + 0.32 * len(rows))
    panels: Sequence[Axes] = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, column in zip(panels, ("among candidates", "across prompts"), strict=True):
        quiet_axes(axes)
        title(axes, column)
        axes.axvline(0.5, color=RULE, linewidth=1.2)
        for y, row in enumerate(rows):
            cell = row[column]
            if isinstance(cell, Interval):
                axes.plot([cell.low, cell.high], [y, y], color=MUTED, linewidth=1.4)
                axes.plot(cell.value, y, "o", color=FINISHED)
        axes.set_xlabel("AUC", color=INK)
    panels[0].set_yticks(range(len(rows)), [str(row["signal"]) for row in rows])
    panels[0].invert_yaxis()
    return figure
