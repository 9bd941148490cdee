"""Outcomes side by side: score, tokens, and the paired difference to one of them."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool
from matplotlib.figure import Figure

from scalingar.analysis.outcomes.findings import Cell, Interval
from scalingar.analysis.outcomes.outcome import Outcome, difference, score
from scalingar.analysis.runs.complete_run import TracedRun
from scalingar.report.figure import new_figure, own_style, quiet_axes
from scalingar.report.palette import CHOSEN, FINISHED, INK, MUTED, RULE


def outcome_row(
    run: TracedRun, outcome: Outcome, baselines: Mapping[str, Outcome], images: Bool[np.ndarray, " i"] | None = None
) -> dict[str, Cell]:
    """Score with its error, tokens per image, and the difference to each baseline with its interval and p-value.

    A task of one prompt leaves no error, no interval and no p-value.
    ``images``: mask of the images to use (whole prompts); None: all.
    """
    tokens = outcome.tokens if images is None else outcome.tokens[images]
    row: dict[str, Cell] = {
        "rule": outcome.name,
        "score": score(run, outcome.points, images),
        "tokens/image": float(tokens.mean()),
    }
    for name, base in baselines.items():
        gap = None if base is outcome else difference(run, base.points, outcome.points, images)
        row[f"against {name}"] = None if gap is None else Interval.of(gap)
        row[f"p, against {name}"] = None if gap is None or math.isnan(gap.p_value) else gap.p_value
    return row


@own_style
def outcome_plot(
    run: TracedRun, outcomes: Sequence[Outcome], marked: str, images: Bool[np.ndarray, " i"] | None = None
) -> Figure:
    """Scores with their errors, from top to bottom; the outcome named ``marked`` in colour, its score as a line."""
    figure = new_figure(7.5, 1.2 + 0.32 * len(outcomes))
    axes = figure.subplots()
    quiet_axes(axes)
    for row, outcome in enumerate(outcomes):
        estimate = score(run, outcome.points, images)
        color = CHOSEN if outcome.name == marked else FINISHED
        axes.errorbar(estimate.value, row, xerr=estimate.standard_error, fmt="o", color=color, ecolor=MUTED, capsize=3)
        if outcome.name == marked:
            axes.axvline(estimate.value, color=RULE, linewidth=1.0, zorder=0)
    axes.set_yticks(range(len(outcomes)), [outcome.name for outcome in outcomes])
    axes.invert_yaxis()
    axes.set_xlabel("score, with its standard error", color=INK)
    return figure
