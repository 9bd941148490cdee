"""How much of the reward a prefix decides: the intraclass correlation, and the pairs that knowing it could order."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from scalingar.analysis.outcomes.findings import Interval
from scalingar.analysis.outcomes.outcome import SEED
from scalingar.analysis.prefixes.same import Rewards, scale_of, without_offset
from scalingar.bench.statistics.paired import QUANTILES, RESAMPLES, draw_counts
from scalingar.profile.rounding import signs


@dataclass(frozen=True)
class Decided:
    """Of prefixes of one length.

    ``rho``: ρ, the share of the reward's variance within a prompt that lies between prefixes; None where the reward
    never varies. It is an estimate without bias of its two parts, so that it may fall below 0.
    ``spread``: the reward's standard deviation within a prompt, σ.
    ``ceiling``: see :func:`ceiling`. ``by_others``: see :func:`pairs_by_others`, None where no pair differs.
    ``by_others_if_normal``: what that is expected to be, if rewards are normal with this ρ.
    """

    rho: Interval | None
    spread: float
    ceiling: Interval | None
    by_others: Interval | None
    by_others_if_normal: float | None


def decided(rewards: Rewards) -> Decided:
    """Everything, with 95 % percentile intervals of a bootstrap over prompts.

    One-way random effects, prefixes being the groups: in each prompt MS_between is M times the variance of the K means,
    MS_within the mean of the K variances; both are averaged over prompts, and ρ = (MS_between − MS_within) /
    (MS_between + (M − 1) MS_within) (ICC(1) of Shrout & Fleiss 1979).
    """
    completions = rewards.shape[2]
    between, within = mean_squares(rewards)
    counts = resampled(len(rewards))
    ms_between, ms_within = counts @ between / len(rewards), counts @ within / len(rewards)
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample may hold no prompt whose rewards vary
        rhos = (ms_between - ms_within) / (ms_between + (completions - 1) * ms_within)
    spread = float(np.sqrt(max(ms_between[0] + (completions - 1) * ms_within[0], 0.0) / completions))
    known = bool(np.isfinite(rhos[0]))
    return Decided(
        rho=interval_of(rhos) if known else None,
        spread=spread,
        ceiling=interval_of(ceiling(rhos)) if known else None,
        by_others=mean_with_interval(pairs_by_others(rewards)),
        by_others_if_normal=float(_by_others_if_normal(rhos[0], completions)) if known else None,
    )


def mean_squares(rewards: Rewards) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
    """Of each prompt the mean square between prefixes and within them, K − 1 and K · (M − 1) degrees of freedom."""
    rewards = without_offset(rewards)
    return rewards.shape[2] * rewards.mean(2).var(1, ddof=1), rewards.var(2, ddof=1).mean(1)


def ceiling(rho: Float[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
    """How often a perfect value of two prefixes of a prompt orders them as one completion of each comes out.

    ½ + asin(√ρ) / π: the value is the prefix's mean μ, of variance ρ, the reward μ + ε, ε of variance 1 − ρ, both
    normal; their differences between two prefixes correlate by √ρ, and two normal numbers that do have the same sign
    that often.
    """
    return 0.5 + np.arcsin(np.sqrt(np.clip(rho, 0.0, 1.0))) / np.pi


def _by_others_if_normal(rho: float, completions: int) -> float:
    """As :func:`ceiling`, for the mean of M − 1 completions in place of μ."""
    rho = min(max(rho, 0.0), 1.0)
    variance = rho + (1 - rho) / (completions - 1)
    return float(0.5 + np.arcsin(rho / np.sqrt(variance)) / np.pi)


def pairs_by_others(rewards: Rewards) -> Float[np.ndarray, " q"]:
    """Per prompt the share of pairs, one completion of each of two prefixes, that the others order as they came out.

    A prefix is valued by the mean of its other M − 1 completions, which knows less than a perfect value: so this is a
    lower bound of the ceiling, whatever the distribution. Pairs of equal rewards are left out, and prompts that have no
    others; equal values count half.
    """
    prompts, prefixes, completions = rewards.shape
    rewards = without_offset(rewards)
    others, scale = means_of_others(rewards), scale_of(rewards)[:, 0]
    prefix = np.repeat(np.arange(prefixes), completions)
    values = rewards.reshape(prompts, -1)
    wanted = np.sign(values[:, :, None] - values[:, None]) * (prefix[:, None] < prefix)
    counted: Bool[np.ndarray, "p n n"] = wanted != 0
    ahead = signs(others.reshape(prompts, -1), scale)
    right = ((ahead == wanted) + 0.5 * (ahead == 0)) * counted
    counts = counted.sum((1, 2))
    return right.sum((1, 2))[counts > 0] / counts[counts > 0]


def means_of_others(rewards: Rewards) -> Rewards:
    """For each completion the mean of the other ones of its prefix."""
    return (rewards.sum(2, keepdims=True) - rewards) / (rewards.shape[2] - 1)


def resampled(prompts: int) -> Float[np.ndarray, "r p"]:
    """How often each prompt counts: once in the first row, as drawn with replacement in the others."""
    return np.vstack([np.ones((1, prompts)), draw_counts(prompts, RESAMPLES, np.random.default_rng(SEED))])


def interval_of(values: Float[np.ndarray, " r"]) -> Interval:
    """The first value, with the 95 % percentile interval of the others that are finite."""
    low, high = np.quantile(values[1:][np.isfinite(values[1:])], QUANTILES)
    return Interval(float(values[0]), float(low), float(high))


def mean_with_interval(values: Float[np.ndarray, " p"]) -> Interval | None:
    """The mean over prompts; None of fewer than two."""
    return interval_of(resampled(len(values)) @ values / len(values)) if len(values) > 1 else None
