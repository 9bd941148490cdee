"""What prefixes are good for, measured on their rewards: cutting half of them, or completing one again and again."""

import math

import numpy as np
from jaxtyping import Float

from scalingar.analysis.outcomes.findings import Interval
from scalingar.analysis.prefixes.decided import Rewards, interval_of, mean_squares, means_of_others, resampled


def gain_of_half(rewards: Rewards) -> Interval | None:
    """What is gained over one image by the best of half of K prefixes, as a share of what the best of all K gains.

    Of each prefix one completion is drawn to its end, every one in turn, and valued by the mean of the others; the
    prefixes of the highest values are kept. So this is a lower bound of what a perfect value would keep. None where all
    rewards are equal.
    """
    own = np.moveaxis(rewards, 1, 2)
    values = np.moveaxis(means_of_others(rewards), 1, 2)
    best = np.argsort(-values, axis=-1, kind="stable")[..., : own.shape[-1] // 2]
    return _share(np.take_along_axis(own, best, -1).max(-1), own)


def gain_of_some(rewards: Rewards, images: float) -> Interval | None:
    """The same of so many complete images, at most K, without a choice before their end."""
    own = np.moveaxis(rewards, 1, 2)
    return _share(_best_of_some(own, images), own)


def _share(best: Float[np.ndarray, "p m"], rewards: Float[np.ndarray, "p m k"]) -> Interval | None:
    gained, all_gain = (each.mean(1) - rewards.mean((1, 2)) for each in (best, rewards.max(-1)))
    counts = resampled(len(rewards))
    if not all_gain.sum() > 0:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample may hold no prompt whose rewards vary
        return interval_of(counts @ gained / (counts @ all_gain))


def completed_against_complete(rewards: Rewards, tokens: float) -> Interval | None:
    """The best of M completions of one prefix minus the best of as many complete images as cost the same, in σ.

    ``tokens``: of the prefix, as a share of an image's. Complete images are single completions of different prefixes.
    None where there are fewer prefixes than that costs, or no reward varies.
    """
    completions = rewards.shape[2]
    images = tokens + completions * (1 - tokens)
    if images > rewards.shape[1]:
        return None
    gaps = rewards.max(2).mean(1) - _best_of_some(np.moveaxis(rewards, 1, 2), images).mean(1)
    between, within = mean_squares(rewards)
    counts = resampled(len(rewards))
    variance = counts @ (between + (completions - 1) * within) / completions / len(rewards)
    if not variance[0] > 0:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        return interval_of(counts @ gaps / len(rewards) / np.sqrt(variance))


def _best_of_some(rewards: Float[np.ndarray, "*d k"], images: float) -> Float[np.ndarray, " *d"]:
    """Mean of the highest over all ways to take so many of K.

    Between two whole numbers some prompts get the one and some the other.
    """
    ordered, count = np.sort(rewards, -1), rewards.shape[-1]
    low = math.floor(images)
    expected = [
        ordered @ np.array([math.comb(rank, n - 1) / math.comb(count, n) for rank in range(count)])
        for n in (low, min(low + 1, count))
    ]
    best: Float[np.ndarray, " *d"] = expected[0] + (images - low) * (expected[1] - expected[0])
    return best
