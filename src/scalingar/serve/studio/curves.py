"""Confidence with its threshold, and guidance scale or rewards, as lines that grow from step to step."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scalingar.core.outputs import Candidate
from scalingar.report.plain import known_after
from scalingar.serve.studio.moment import Moment
from scalingar.serve.studio.text import words

POINTS = 160
"""Of a line: more would not be seen."""
_PANELS = {"C": "confidence C", "s": "guidance scale s", "reward": "reward"}
_NO_VALUES = np.empty(0, np.float32)


class _Line(NamedTuple):
    """``kind``: of its trajectory, or ``theta``. ``values`` are known after ``steps``."""

    kind: str
    steps: NDArray[np.int64]
    values: NDArray[np.float32]


def curves(moment: Moment) -> str:
    """A panel for each value that was traced, over all steps of the image; empty before the first."""
    return "".join(_panel(moment, letter, name) for letter, name in _PANELS.items() if _traced(moment, letter))


def _traced(moment: Moment, letter: str) -> bool:
    return any(np.isfinite(one.trace.get(letter, _NO_VALUES)).any() for one in moment.candidates)


def _panel(moment: Moment, letter: str, name: str) -> str:
    lines = [_Line(_kind(moment, one), *_own(one, letter)) for one in moment.candidates]
    theta = max((one.trace.get("theta", _NO_VALUES) for one in moment.candidates), key=len)
    if letter == "C" and np.isfinite(theta).any():
        lines.append(_Line("theta", np.arange(len(theta)), theta))
        name += ", threshold θ"
    low, high = _range(line.values for line in lines)
    drawn = "".join(_drawn(line, max(moment.total, 1), low, high) for line in sorted(lines, key=_order))
    where = f"{moment.course.step_name} {moment.position} of {moment.total}"
    label = f"{name} of {len(moment.candidates)} trajectories, {where}"
    return (
        f'<figure class="studio-curve"><figcaption>{words(name)}</figcaption>'
        f'<span class="high">{high:.2f}</span><span class="low">{low:.2f}</span>'
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{words(label)}">{drawn}</svg>'
        "</figure>"
    )


def _kind(moment: Moment, candidate: Candidate) -> str:
    if candidate.index == moment.chosen:
        return "chosen"
    return "cut" if candidate.cut is not None else "live" if moment.live(candidate) else "finished"


def _order(line: _Line) -> int:
    """What is drawn last is on top."""
    return ("finished", "live", "cut", "chosen", "theta").index(line.kind)


def _own(candidate: Candidate, letter: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Steps done, and values. A copy's line begins with its parent's last point; that of a cut one ends at the cut."""
    values = candidate.trace.get(letter, _NO_VALUES).copy()
    values[: max(candidate.born - 1, 0)] = np.nan
    steps = np.arange(len(values)) + known_after(candidate, letter)
    known = values[np.isfinite(values)]
    if candidate.cut is not None and len(known) and steps[-1] < candidate.cut.step:
        return np.append(steps, candidate.cut.step), np.append(values, known[-1])
    return steps, values


def _range(columns: Iterable[NDArray[np.float32]]) -> tuple[float, float]:
    """Least and greatest value, with some room where they are the same."""
    known = np.concatenate([column[np.isfinite(column)] for column in columns])
    low, high = float(known.min()), float(known.max())
    room = 0.05 * (high - low) or 0.1
    return low - room, high + room


def _drawn(line: _Line, total: int, low: float, high: float) -> str:
    """A line through what is known, and a stroke where a trajectory was cut. ``total``: steps at the right edge."""
    kind = line.kind
    at = np.flatnonzero(np.isfinite(line.values))
    if not len(at):
        return ""
    at = at[np.unique(np.linspace(0, len(at) - 1, min(len(at), POINTS)).astype(int))]
    x = 100 * line.steps[at] / total
    y = 100 * (high - line.values[at]) / (high - low)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    end = f'<path class="cut" d="M{x[-1]:.1f} {y[-1] - 5:.1f}v10"/>' if kind == "cut" else ""
    dot = f'<path class="{kind}" d="M{x[0]:.1f} {y[0]:.1f}h1"/>' if len(at) == 1 else ""
    return f'<polyline class="{kind}" points="{points}"/>{dot}{end}'
