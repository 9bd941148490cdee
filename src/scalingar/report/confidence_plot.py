"""Confidence, threshold, and guidance scale or rewards over the steps of a prompt's trajectories."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from scalingar.core.outputs import Candidate, PromptResult
from scalingar.report.figure import new_figure, own_style, quiet_axes, title
from scalingar.report.palette import CHOSEN, CUT, FINISHED, INK, THRESHOLD
from scalingar.report.plain import known_after

_LOWER = {"verifier": "the verifier's value", "s": "guidance scale s", "reward": "reward"}
"""Traces for the lower panel; the first that was recorded is drawn."""


@own_style
def confidence_plot(result: PromptResult) -> Figure:
    """C of Eq. (11) with the threshold of Eq. (13) above, the guidance scale of Eq. (14) below, step by step.

    Of a next-scale model: its C per scale above, the rewards asked on the way below. Where a verifier was asked, its
    values are below. A copy's line starts with its parent's last point. A value stands over the number of steps that
    were done when it was known, and a cross over the step of the cut, so that plot, table and trace agree.
    """
    letters = ["C", *[letter for letter in _LOWER if _traced(result, letter)][:1]]
    figure = new_figure(9.0, 5.6)
    panels = figure.subplots(len(letters), 1, sharex=True, squeeze=False, height_ratios=(5, 2)[: len(letters)])[:, 0]
    for axes, letter in zip(panels, letters, strict=True):
        quiet_axes(axes)
        _draw(axes, result, letter)
        axes.set_ylabel(_LOWER.get(letter, "confidence C"), color=INK, fontsize=9.5)
    _draw_threshold(panels[0], result)
    for axes in panels[1:]:
        _settle(axes)
    title(panels[0], result.prompt)
    panels[-1].set_xlabel(f"{result.best.step_name}s done", color=INK, fontsize=9.5)
    panels[-1].set_xlim(0, len(result.best.trace["C"]))
    figure.legend(handles=_legend(result), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _traced(result: PromptResult, letter: str) -> bool:
    return any(np.isfinite(candidate.trace.get(letter, np.empty(0))).any() for candidate in result.candidates)


def _draw(axes: Axes, result: PromptResult, letter: str) -> None:
    """One line per trajectory; a cross and its number where one was cut; the chosen one on top."""
    for candidate in result.candidates:
        values = candidate.trace.get(letter, np.empty(0)).copy()
        values[: max(candidate.born - 1, 0)] = np.nan
        places = np.flatnonzero(np.isfinite(values))  # rewards are asked at some scales only
        steps, values = places + known_after(candidate, letter), values[places]
        if candidate.cut is not None and len(steps) and steps[-1] < candidate.cut.step:
            steps, values = np.append(steps, candidate.cut.step), np.append(values, values[-1])
        colour, width, order = _style(candidate, result)
        (curve,) = axes.plot(steps, values, color=colour, linewidth=width, zorder=order)
        curve.set_marker("None" if letter in ("C", "s") else ".")
        curve.set_alpha(0.75 if candidate.cut else 1.0)
        if candidate.cut is not None and len(steps):
            axes.plot(steps[-1], values[-1], "x", color=CUT, markersize=6, markeredgewidth=1.6, zorder=5)


def _style(candidate: Candidate, result: PromptResult) -> tuple[str, float, int]:
    if candidate.index == result.chosen:
        return CHOSEN, 2.0, 4
    return (FINISHED, 1.0, 2) if candidate.finished else (CUT, 1.0, 3)


def _threshold(result: PromptResult) -> NDArray[np.float32] | None:
    """The threshold at each step, the same for all candidates; None if none was traced."""
    theta = result.best.trace.get("theta")
    return theta if theta is not None and np.isfinite(theta).any() else None


def _draw_threshold(axes: Axes, result: PromptResult) -> None:
    if (theta := _threshold(result)) is not None:
        axes.plot(theta, color=THRESHOLD, linewidth=1.3, linestyle=(0, (4, 2)), zorder=6)


def _settle(axes: Axes) -> None:
    """Centre a constant line, and show no axis offset."""
    low, high = axes.get_ylim()
    if high - low < 0.1:
        middle = (low + high) / 2
        axes.set_ylim(middle - 0.1, middle + 0.1)
    axes.ticklabel_format(axis="y", useOffset=False)


def _legend(result: PromptResult) -> list[Line2D]:
    cuts = sum(not candidate.finished for candidate in result.candidates)
    finished = len(result.candidates) - cuts - 1
    handles = [Line2D([], [], color=CHOSEN, linewidth=2.0, label=f"chosen (#{result.chosen})")]
    if finished:
        handles.append(Line2D([], [], color=FINISHED, linewidth=1.0, label=f"finished ({finished})"))
    if cuts:
        handles.append(Line2D([], [], color=CUT, linewidth=1.0, marker="x", label=f"cut ({cuts})"))
    if _threshold(result) is not None:
        handles.append(Line2D([], [], color=THRESHOLD, linewidth=1.3, linestyle=(0, (4, 2)), label="threshold θ"))
    return handles
