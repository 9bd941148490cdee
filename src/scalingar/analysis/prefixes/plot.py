"""Studies of prefixes as a figure: what is decided, what a value could order, what cutting could keep."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scalingar.analysis.outcomes.findings import Interval
from scalingar.analysis.prefixes.spending import KEPT, N, gain_of_complete
from scalingar.analysis.prefixes.study import Length, Study
from scalingar.report.figure import new_figure, own_style, quiet_axes, title
from scalingar.report.palette import CHOSEN, CUT, FINISHED, INK, MUTED

_COLORS = dict(zip(KEPT, (FINISHED, CHOSEN, CUT), strict=True))


@own_style
def figure(studies: Sequence[Study]) -> Figure:
    """A row of three panels for each."""
    drawn = new_figure(11.5, 3.9 * len(studies))
    for study, (left, middle, right) in zip(studies, drawn.subplots(len(studies), 3, squeeze=False), strict=True):
        lengths = [length for length in study.lengths() if length.decided.rho is not None]
        for axes in (left, middle, right):
            quiet_axes(axes)
        title(left, study.title, 46)
        _decided(left, lengths)
        _pairs(middle, lengths)
        _cutting(right, lengths)
    return drawn


def _decided(axes: Axes, lengths: Sequence[Length]) -> None:
    at = [length.share.tokens for length in lengths]
    _curve(axes, at, [length.decided.rho for length in lengths], CHOSEN, "")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=":")
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1.02)
    _label(axes, "share of the tokens drawn", "ρ, share of the variance decided")


def _pairs(axes: Axes, lengths: Sequence[Length]) -> None:
    at = [length.share.tokens for length in lengths]
    _curve(axes, at, [length.decided.ceiling for length in lengths], CHOSEN, "perfect value, if normal")
    _curve(axes, at, [length.decided.by_others for length in lengths], INK, "mean of the other completions")
    axes.set_ylim(min(0.5, axes.get_ylim()[0]), 1.01)
    axes.legend(frameon=False, fontsize=8.5, loc="lower right")
    _label(axes, "share of the tokens drawn", "pairs of a prompt ordered")


def _cutting(axes: Axes, lengths: Sequence[Length]) -> None:
    costs = np.linspace(1 / N, 1, 60)
    whole = [gain_of_complete(N * cost) for cost in costs]
    axes.plot(costs, whole, color=MUTED, linewidth=1.4, label="complete images")
    for place, kept in enumerate(KEPT):
        cuts = [length.cuts[place] for length in lengths]
        at, gains = [cut.tokens for cut in cuts], [cut.gain.value for cut in cuts]
        axes.plot(at, gains, "o-", color=_COLORS[kept], markersize=4, linewidth=1.4, label=f"{kept} of {N} kept")
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, fontsize=8.5, loc="lower right")
    _label(axes, f"tokens, of the best of {N}'s", f"gain, of the best of {N}'s")


def _curve(axes: Axes, at: Sequence[float], values: Sequence[Interval | None], color: str, label: str) -> None:
    known = [(x, each) for x, each in zip(at, values, strict=True) if each is not None]
    places = [x for x, _ in known]
    values, lows, highs = ([getattr(each, part) for _, each in known] for part in ("value", "low", "high"))
    axes.plot(places, values, color=color, linewidth=1.8, marker="o", markersize=4, label=label)
    axes.fill_between(places, lows, highs, color=color, alpha=0.15, linewidth=0)


def _label(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, color=INK, fontsize=9.5)
    axes.set_ylabel(y, color=INK, fontsize=9.5)
    axes.set_xlim(0, 1.02)
