"""How early a reward can be trusted: rewards of partial images, a raster's filled, against those of complete ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy.stats import pearsonr, spearmanr

from scalingar.analysis.outcomes.findings import Findings, Interval
from scalingar.analysis.outcomes.outcome import SEED
from scalingar.bench.image_seeds import image_seed
from scalingar.bench.statistics.paired import QUANTILES, RESAMPLES, resampled
from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.policy.filling import FILLING, FILLS, Fill, filled
from scalingar.profile.rounding import first_largest
from scalingar.profile.signals import signals as token_signals
from scalingar.profile.statistics.scale_statistics import scale_signals
from scalingar.report.figure import new_figure, own_style, quiet_axes, title
from scalingar.report.palette import CHOSEN, FINISHED, INK
from scalingar.rewards.reward import score_candidates
from scalingar.strategies import RandomOfN

Correlation = Callable[[Float[np.ndarray, " n"], Float[np.ndarray, " n"]], float]


@dataclass(frozen=True)
class Part:
    """A first part of an image: after some steps, so many tokens; ``name``: the scale or row that it ends with."""

    name: str
    steps: int
    tokens: int


def consistency_findings(
    pipe: ImagePipeline,
    prompts: Sequence[str],
    reward: str,
    *,
    trajectories: int = 8,
    seed: int = 0,
    fill: str | None = None,
) -> Findings:
    """TTS-VAR, the consistency curve: correlation of the reward after each scale with that of the finished image.

    Of a next-token model after each row of codes, the others filled in (``fill``; None: grey). Trajectories are
    complete, none is pruned. Correlations are taken among the trajectories of one prompt, from which a search chooses,
    and averaged over prompts; prompts whose rewards are all equal are left out.

    Raises:
        ConfigError: fewer than three trajectories, a prompt that is there twice, no such reward or filling, or a
            filling for a next-scale model.
    """
    filling = _filling(pipe, fill)
    if trajectories < 3:
        raise ConfigError(f"num_trajectories is {trajectories}; a correlation needs at least 3.")
    if twice := next((prompt for i, prompt in enumerate(prompts) if prompt in prompts[:i]), None):
        raise ConfigError(f"the prompt {twice!r} is there twice; leave one of them out.")
    seeds = [image_seed(seed, prompt, 0) for prompt in prompts]
    output = pipe(list(prompts), strategy=RandomOfN(num_trajectories=trajectories), seed=seeds)
    parts = parts_of(pipe)
    scores = np.stack(
        [part_rewards(pipe, result.candidates, reward, filling, seed=result.seed) for result in output.results]
    )
    curves = {name: mean_curve(values) for name, values in per_prompt(scores).items()}
    rows = [
        {
            unit_of(pipe): part.name,
            **{name: curve[place] for name, curve in curves.items()},
            "mean reward": float(scores[..., place].mean()),
        }
        for place, part in enumerate(parts)
    ]
    undrawn = "" if pipe.decoding == "next-scale" else f" Undrawn codes: {filling}."
    note = (
        f"{reward}, {len(prompts)} prompt{'s' * (len(prompts) != 1)} of {trajectories} complete trajectories each; "
        "correlations within a prompt, averaged. Same best: share of prompts whose best trajectory is already the "
        "best. " + ("95 % intervals, by prompt." if len(prompts) > 1 else "One prompt gives no intervals.")
    )
    return Findings("consistency", rows, _plot(curves, reward, unit_of(pipe)), notes=[note + undrawn])


def _filling(pipe: ImagePipeline, fill: str | None) -> Fill:
    """The filling of that name. Raises ConfigError."""
    if pipe.decoding == "next-scale" and fill is not None:
        raise ConfigError(
            f"fill is {fill!r}; pictures of a next-scale model are whole after every scale, leave it out."
        )
    known: dict[str, Fill] = {name: name for name in FILLS}
    if (fill or "grey") not in known:
        raise ConfigError(f"fill is {fill!r}; choose from {', '.join(FILLS)}.")
    return known[fill or "grey"]


def unit_of(pipe: ImagePipeline) -> str:
    """What a curve goes along."""
    return "scale" if pipe.decoding == "next-scale" else "rows"


def parts_of(pipe: ImagePipeline) -> list[Part]:
    """All first scales of a next-scale model, all first rows of a next-token one."""
    if pipe.decoding == "next-scale":
        ends = accumulate(height * width for height, width in pipe.grids)
        return [
            Part(f"{scale} ({height} x {width})", scale + 1, end)
            for (scale, (height, width)), end in zip(enumerate(pipe.grids), ends, strict=True)
        ]
    height, width = pipe.grids[0]
    return [Part(f"{row} of {height}", row * width, row * width) for row in range(1, height + 1)]


def part_rewards(
    pipe: ImagePipeline, candidates: Sequence[Candidate], reward: str, fill: Fill, *, seed: int
) -> Float[np.ndarray, "n k"]:
    """The reward of each finished candidate as it was after each part. Raises ConfigError."""
    judge = pipe.reward(reward)
    columns = []
    for part in parts_of(pipe):
        partial = [_truncated(pipe, candidate, part, fill, seed) for candidate in candidates]
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
    """Per scale the mean over prompts that are no NaN, with a bootstrap interval over prompts; None without any.

    A single prompt gives no interval.
    """
    curve: list[Interval | None] = []
    for column in values.T:
        known = column[~np.isnan(column)]
        if not len(known):
            curve.append(None)
            continue
        counts = resampled(len(known), RESAMPLES, np.random.default_rng(SEED))
        low, high = np.quantile(counts @ known / len(known), QUANTILES)
        curve.append(Interval(float(known.mean()), float(low), float(high)))
    return curve


def _correlations(scores: Float[np.ndarray, "p n k"], correlation: Correlation) -> Float[np.ndarray, "p k"]:
    prompts, _, scales = scores.shape
    values = np.full((prompts, scales), np.nan)
    for prompt, rewards in enumerate(scores):
        for scale in range(scales):
            if np.ptp(rewards[:, scale]) > 0 and np.ptp(rewards[:, -1]) > 0:
                values[prompt, scale] = correlation(rewards[:, scale], rewards[:, -1])
    return values


def _truncated(pipe: ImagePipeline, candidate: Candidate, part: Part, fill: Fill, seed: int) -> Candidate:
    """The candidate as it was then; a raster filled, its blocks as a search of this seed would choose them."""
    trace = {name: values[: part.steps] for name, values in candidate.trace.items()}
    codes = candidate.codes[: part.tokens]
    if pipe.decoding == "next-scale":
        signals = scale_signals(trace, codes.numel())
    else:
        signals = token_signals(trace, part.steps)
        generator = np.random.default_rng((seed, part.steps, candidate.index, FILLING))
        codes = filled(codes, pipe.grids[-1], fill, generator, pipe.decoder().preview)
    return Candidate(candidate.prompt, candidate.index, codes, None, signals, trace)


@own_style
def _plot(curves: dict[str, list[Interval | None]], reward: str, unit: str) -> Figure:
    figure = new_figure(7.0, 4.0)
    axes = figure.subplots()
    quiet_axes(axes)
    lowest = 0.0
    for name, colour in (("Spearman", CHOSEN), ("Pearson", FINISHED)):
        known = {scale: each for scale, each in enumerate(curves[name]) if each is not None}
        values, lows, highs = ([getattr(each, part) for each in known.values()] for part in ("value", "low", "high"))
        axes.plot(list(known), values, color=colour, linewidth=1.8, marker="o", markersize=4, label=name)
        axes.fill_between(list(known), lows, highs, color=colour, alpha=0.15, linewidth=0)
        lowest = min([lowest, *values, *(low for low in lows if not np.isnan(low))])
    axes.set_xlabel(unit, color=INK, fontsize=9.5)
    axes.set_ylabel("correlation with the final reward", color=INK, fontsize=9.5)
    axes.set_ylim(lowest, 1.05)
    axes.legend(frameon=False, fontsize=9)
    title(axes, reward)
    return figure
