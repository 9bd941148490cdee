"""How early a reward can be trusted: rewards of a next-scale model's partial images against the complete ones."""

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy.stats import pearsonr, spearmanr

from scalingar.analysis.outcomes.findings import Findings, Interval
from scalingar.analysis.outcomes.outcome import SEED
from scalingar.bench.image_seeds import image_seed
from scalingar.bench.statistics.paired import QUANTILES, RESAMPLES, draw_counts
from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.profile.rounding import first_largest
from scalingar.profile.statistics.scale_statistics import scale_signals
from scalingar.report.figure import new_figure, own_style, quiet_axes, title
from scalingar.report.palette import CHOSEN, FINISHED, INK
from scalingar.rewards.reward import score_candidates
from scalingar.strategies import RandomOfN

Correlation = Callable[[Float[np.ndarray, " n"], Float[np.ndarray, " n"]], float]


def consistency_findings(
    pipe: ImagePipeline, prompts: Sequence[str], reward: str, *, trajectories: int = 8, seed: int = 0
) -> Findings:
    """TTS-VAR, the consistency curve: correlation of the reward after each scale with that of the finished image.

    Trajectories are complete, none is pruned. Correlations are taken among the trajectories of one prompt, from which a
    search chooses, and averaged over prompts; prompts whose rewards are all equal are left out.

    Raises:
        ConfigError: no next-scale model, fewer than three trajectories, or no such reward.
    """
    if pipe.decoding != "next-scale":
        raise ConfigError(f"{pipe.name} draws token by token; the consistency curve is of next-scale models.")
    if trajectories < 3:
        raise ConfigError(f"num_trajectories is {trajectories}; a correlation needs at least 3.")
    seeds = [image_seed(seed, prompt, 0) for prompt in prompts]
    output = pipe(list(prompts), strategy=RandomOfN(num_trajectories=trajectories), seed=seeds)
    scores = np.stack([scale_rewards(pipe, result.candidates, reward) for result in output.results])
    curves = {name: mean_curve(values) for name, values in per_prompt(scores).items()}
    rows = [
        {
            "scale": f"{scale} ({height} x {width})",
            **{name: curve[scale] for name, curve in curves.items()},
            "mean reward": float(scores[..., scale].mean()),
        }
        for scale, (height, width) in enumerate(pipe.grids)
    ]
    note = (
        f"{reward}, {len(prompts)} prompts of {trajectories} complete trajectories each; correlations within a prompt, "
        "averaged. Same best: share of prompts whose best trajectory is already the best. 95 % intervals, by prompt."
    )
    return Findings("consistency", rows, _plot(curves, reward), notes=[note])


def scale_rewards(pipe: ImagePipeline, candidates: Sequence[Candidate], reward: str) -> Float[np.ndarray, "n k"]:
    """The reward of each finished candidate as it was after each scale. Raises ConfigError."""
    ends = list(accumulate(height * width for height, width in pipe.grids))
    judge = pipe.reward(reward)
    columns = []
    for scale, end in enumerate(ends):
        partial = [_truncated(candidate, scale, end) for candidate in candidates]
        if judge.counts_images:
            for candidate in partial:
                candidate.image = pipe.preview(candidate)
        columns.append(score_candidates(judge, reward, partial))
    return np.array(columns, np.float64).T


def per_prompt(scores: Float[np.ndarray, "p n k"]) -> dict[str, Float[np.ndarray, "p k"]]:
    """Agreement of each scale with the last one: Spearman's ρ, Pearson's r, and whether the same one is the best.

    Correlations are NaN where all rewards of a prompt are equal.
    """
    best = first_largest(np.moveaxis(scores, 1, -1))
    return {
        "Spearman": _correlations(scores, lambda first, last: float(spearmanr(first, last).statistic)),
        "Pearson": _correlations(scores, lambda first, last: float(pearsonr(first, last).statistic)),
        "same best": (best == best[:, -1:]).astype(np.float64),
    }


def mean_curve(values: Float[np.ndarray, "p k"]) -> list[Interval | None]:
    """Per scale the mean over prompts that are no NaN, with a bootstrap interval over prompts; None without any."""
    curve: list[Interval | None] = []
    for column in values.T:
        known = column[~np.isnan(column)]
        counts = draw_counts(len(known), RESAMPLES, np.random.default_rng(SEED)) if len(known) else None
        low, high = (np.nan, np.nan) if counts is None else np.quantile(counts @ known / len(known), QUANTILES)
        curve.append(Interval(float(known.mean()), float(low), float(high)) if len(known) else None)
    return curve


def _correlations(scores: Float[np.ndarray, "p n k"], correlation: Correlation) -> Float[np.ndarray, "p k"]:
    prompts, _, scales = scores.shape
    values = np.full((prompts, scales), np.nan)
    for prompt, rewards in enumerate(scores):
        for scale in range(scales):
            if np.ptp(rewards[:, scale]) > 0 and np.ptp(rewards[:, -1]) > 0:
                values[prompt, scale] = correlation(rewards[:, scale], rewards[:, -1])
    return values


def _truncated(candidate: Candidate, scale: int, end: int) -> Candidate:
    """The candidate as it was after ``scale``."""
    trace = {name: values[: scale + 1] for name, values in candidate.trace.items()}
    codes = candidate.codes[:end]
    return Candidate(
        prompt=candidate.prompt,
        index=candidate.index,
        codes=codes,
        cut=None,
        signals=scale_signals(trace, codes.numel()),
        trace=trace,
    )


@own_style
def _plot(curves: dict[str, list[Interval | None]], reward: str) -> Figure:
    figure = new_figure(7.0, 4.0)
    axes = figure.subplots()
    quiet_axes(axes)
    lowest = 0.0
    for name, colour in (("Spearman", CHOSEN), ("Pearson", FINISHED)):
        known = {scale: each for scale, each in enumerate(curves[name]) if each is not None}
        values, lows, highs = ([getattr(each, part) for each in known.values()] for part in ("value", "low", "high"))
        axes.plot(list(known), values, color=colour, linewidth=1.8, marker="o", markersize=4, label=name)
        axes.fill_between(list(known), lows, highs, color=colour, alpha=0.15, linewidth=0)
        lowest = min(lowest, *lows, 0.0)
    axes.set_xlabel("scale", color=INK, fontsize=9.5)
    axes.set_ylabel("correlation with the final reward", color=INK, fontsize=9.5)
    axes.set_ylim(lowest, 1.05)
    axes.legend(frameon=False, fontsize=9)
    title(axes, reward)
    return figure
