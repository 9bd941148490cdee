"""Calibration: how well the value of a signal tells how often an image is right."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.figure import Figure

from scalingar.analysis.outcomes.findings import Cell, Findings, Interval
from scalingar.analysis.outcomes.outcome import SEED
from scalingar.analysis.outcomes.running_signals import running, signal_names
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.runs.prompt_split import fitting_images
from scalingar.bench.statistics import Bin, calibration_bins, expected_calibration_error
from scalingar.report.figure import new_figure, own_style, quiet_axes, title
from scalingar.report.palette import CHOSEN, FINISHED, INK, RULE

_RESAMPLES = 1_000
_MIN_SHARE = 0.005
"""Bins with a smaller share of the images are not drawn: their share of right ones is chance."""


def calibration_findings(run: CompleteRun, *, bins: int = 10, seed: int = SEED) -> Findings:
    """Expected calibration error of every signal, as it is and mapped to probabilities.

    As it is: signals that lie in [0, 1]. Mapped: isotonic regression of correctness on the signal, fitted on half of
    each task's prompts (seeded); the error is that of the other half. Rewards are included.

    Raises:
        BenchmarkError: a task has one prompt.
    """
    fit = fitting_images(run, seed)
    signals = {name: running(run, name)[:, :, -1] for name in signal_names(run)} | run.rewards
    rows, panels = [], {}
    for name, values in signals.items():
        mapped = isotonic(values[fit], run.correct[fit], values[~fit])
        raw = values[~fit] if _is_share(values) else None
        rows.append(_row(run, name, raw, mapped, ~fit, bins))
        panels[name] = [_bins(part, run.correct[~fit], bins) for part in (raw, mapped) if part is not None]
    right = run.correct[~fit].mean()
    note = (
        f"On {int((~fit).sum())} images whose prompts were not used for fitting; {right:.3f} of their candidates are "
        f"right. Brier: mean squared error of the mapped value; always saying {right:.3f} has "
        f"{right * (1 - right):.3f}. Intervals are 95 %, over whole prompts."
    )
    return Findings("calibration", rows, _plot(panels), notes=[note])


def isotonic(
    values: Float[np.ndarray, "i n"], correct: Bool[np.ndarray, "i n"], others: Float[np.ndarray, "j n"]
) -> Float[np.ndarray, "j n"]:
    """Probabilities that ``others`` are right, monotonic in the value, in whichever direction."""
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415

    rising = bool(np.vdot(values - values.mean(), correct - correct.mean()) >= 0)
    model = IsotonicRegression(y_min=0, y_max=1, increasing=rising, out_of_bounds="clip")
    model.fit(values.ravel(), correct.ravel().astype(np.float64))
    mapped: np.ndarray = model.predict(others.ravel()).reshape(others.shape)
    return np.clip(mapped, 0, 1)


def ece_interval(
    confidence: Float[np.ndarray, "i n"], correct: Bool[np.ndarray, "i n"], prompts: Int[np.ndarray, " i"], bins: int
) -> Interval:
    """ECE with a percentile bootstrap interval over whole prompts.

    Resampling adds noise to every bin, so the interval lies above the value when that is near zero. A single prompt
    gives none.
    """
    edges = np.linspace(0, 1, bins + 1)
    bin_index = np.clip(np.searchsorted(edges, confidence.ravel(), side="left") - 1, 0, bins - 1)
    prompt = np.repeat(np.unique(prompts, return_inverse=True)[1], confidence.shape[1])
    n = int(prompt.max()) + 1
    gaps = np.bincount(prompt * bins + bin_index, (correct - confidence).ravel(), n * bins).reshape(n, bins)
    counts = np.bincount(prompt, minlength=n)
    draws = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    values = np.abs(draws @ gaps).sum(axis=1) / (draws @ counts)
    low, high = np.quantile(values, [0.025, 0.975]) if n > 1 else (np.nan, np.nan)
    return Interval(expected_calibration_error(_bins(confidence, correct, bins)), float(low), float(high))


def _row(
    run: CompleteRun,
    name: str,
    raw: Float[np.ndarray, "j n"] | None,
    mapped: Float[np.ndarray, "j n"],
    images: Bool[np.ndarray, " i"],
    bins: int,
) -> dict[str, Cell]:
    correct, prompts = run.correct[images], run.prompt_numbers[images]
    return {
        "signal": name,
        "ECE as it is": None if raw is None else ece_interval(raw, correct, prompts, bins),
        "ECE mapped": ece_interval(mapped, correct, prompts, bins),
        "Brier mapped": float(np.square(mapped - correct).mean()),
    }


def _is_share(values: Float[np.ndarray, "i n"]) -> bool:
    return bool((values >= 0).all() and (values <= 1).all())


def _bins(confidence: Float[np.ndarray, "i n"], correct: Bool[np.ndarray, "i n"], bins: int) -> list[Bin]:
    return calibration_bins(confidence.ravel(), correct.ravel().astype(np.float64), bins=bins)


@own_style
def _plot(panels: dict[str, list[list[Bin]]]) -> Figure:
    """Reliability diagrams: share of right images against the mean value of a bin; mapped values in colour."""
    rows = -(-len(panels) // 4)
    figure = new_figure(11.0, 2.8 * rows)
    subplots = figure.subplots(rows, 4, squeeze=False, sharex=True, sharey=True).ravel()
    for axes in subplots[len(panels) :]:
        axes.set_visible(False)
    for axes, (name, lines) in zip(subplots, panels.items(), strict=False):
        quiet_axes(axes)
        title(axes, name)
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=1.0)
        colors: Sequence[str] = (FINISHED, CHOSEN)[-len(lines) :]
        for color, line in zip(colors, lines, strict=True):
            shown = [part for part in line if part.count >= _MIN_SHARE * sum(part.count for part in line)]
            axes.plot([part.confidence for part in shown], [part.accuracy for part in shown], "o-", color=color, ms=3)
    subplots[0].set_ylabel("share right", color=INK)
    return figure
