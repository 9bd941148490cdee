"""Confidence, threshold and guidance scale over the steps of a prompt's trajectories."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from scalingar.outputs import Candidate, PromptResult
from scalingar.report.figure import new_figure, quiet_axes, title
from scalingar.report.palette import CHOSEN, CUT, FINISHED, INK, THRESHOLD


def confidence_plot(result: PromptResult) -> Figure:
    """C of Eq. (11) with the threshold of Eq. (13) above, the guidance scale of Eq. (14) below, step by step."""
    figure = new_figure(9.0, 5.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(5, 2))
    for axes, letter, label in ((upper, "C", "confidence C"), (lower, "s", "guidance scale s")):
        quiet_axes(axes)
        _draw(axes, result, letter)
        axes.set_ylabel(label, color=INK, fontsize=9.5)
    _draw_threshold(upper, result)
    _settle(lower)
    title(upper, result.prompt)
    lower.set_xlabel("step", color=INK, fontsize=9.5)
    lower.set_xlim(0, max(candidate.tokens for candidate in result.candidates) - 1 or 1)
    figure.legend(handles=_legend(result), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _draw(axes: Axes, result: PromptResult, letter: str) -> None:
    """One line per trajectory; a cross and its number where one was cut; the chosen one on top."""
    for candidate in result.candidates:
        values = candidate.trace.get(letter, np.empty(0))
        colour, width, order = _style(candidate, result)
        axes.plot(values, color=colour, linewidth=width, zorder=order, alpha=0.75 if candidate.cut else 1.0)
        if candidate.cut is not None and len(values):
            axes.plot(len(values) - 1, values[-1], "x", color=CUT, markersize=6, markeredgewidth=1.6, zorder=5)


def _style(candidate: Candidate, result: PromptResult) -> tuple[str, float, int]:
    if candidate.index == result.chosen:
        return CHOSEN, 2.0, 4
    return (FINISHED, 1.0, 2) if candidate.finished else (CUT, 1.0, 3)


def _draw_threshold(axes: Axes, result: PromptResult) -> None:
    theta = result.best.trace.get("theta")  # the same in all of a prompt's rows
    if theta is not None and np.isfinite(theta).any():
        axes.plot(theta, color=THRESHOLD, linewidth=1.3, linestyle=(0, (4, 2)), zorder=6)


def _settle(axes: Axes) -> None:
    """A constant scale is a flat line in the middle, its axis without offsets."""
    low, high = axes.get_ylim()
    if high - low < 0.1:
        middle = (low + high) / 2
        axes.set_ylim(middle - 0.1, middle + 0.1)
    axes.ticklabel_format(axis="y", useOffset=False)


def _legend(result: PromptResult) -> list[Line2D]:
    cuts = sum(not candidate.finished for candidate in result.candidates)
    others = len(result.candidates) - cuts - 1
    theta = result.best.trace.get("theta")
    handles = [Line2D([], [], color=CHOSEN, linewidth=2.0, label=f"chosen (#{result.chosen})")]
    if others:
        handles.append(Line2D([], [], color=FINISHED, linewidth=1.0, label=f"finished ({others})"))
    if cuts:
        handles.append(Line2D([], [], color=CUT, linewidth=1.0, marker="x", label=f"cut ({cuts})"))
    if theta is not None and np.isfinite(theta).any():
        handles.append(Line2D([], [], color=THRESHOLD, linewidth=1.3, linestyle=(0, (4, 2)), label="threshold θ"))
    return handles
