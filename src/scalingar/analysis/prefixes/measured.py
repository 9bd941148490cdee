"""What prefixes are good for, measured on their rewards: cutting half of them, or redrawing the rest of the best."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from scalingar.analysis.outcomes.findings import Interval
from scalingar.analysis.prefixes.decided import interval_of, mean_squares, means_of_others, resampled
from scalingar.analysis.prefixes.same import Rewards, scale_of, without_offset
from scalingar.profile.rounding import descending


def gain_of_half(rewards: Rewards) -> Interval | None:
    """What is gained over one image by the best of half of K prefixes, as a share of what the best of all K gains.

    Of each prefix one completion is drawn to its end, every one in turn, and valued by the mean of the others; the
    prefixes of the highest values are kept. So this is a lower bound of what a perfect value would keep. None where all
    rewards are equal.
    """
    rewards = without_offset(rewards)
    own = np.moveaxis(rewards, 1, 2)
    values = np.moveaxis(means_of_others(rewards), 1, 2)
    best = descending(values, scale_of(rewards))[..., : own.shape[-1] // 2]
    return _share(np.take_along_axis(own, best, -1).max(-1), own)


def gain_of_some(rewards: Rewards, images: float) -> Interval | None:
    """The same of so many complete images, at most K, without a choice before their end."""
    own = np.moveaxis(without_offset(rewards), 1, 2)
    return _share(_best_of_some(own, images), own)


def _share(best: Float[np.ndarray, "p m"], rewards: Float[np.ndarray, "p m k"]) -> Interval | None:
    gained, all_gain = (each.mean(1) - rewards.mean((1, 2)) for each in (best, rewards.max(-1)))
    counts = resampled(len(rewards))
    if not all_gain.sum() > 0:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample may hold no prompt whose rewards vary
        return interval_of(counts @ gained / (counts @ all_gain))


@dataclass(frozen=True)
class Redrawn:
    """What further tokens add to the best of ``images`` complete images, in σ for the tokens of an image.

    ``redrawn``: its own rest is drawn once more, from its prefix. ``new``: another image is drawn. ``difference``: the
    first minus the second. The best stays where that is better.
    """

    images: int
    redrawn: Interval
    new: Interval
    difference: Interval


def gain_of_redrawing(rewards: Rewards, tokens: float) -> Redrawn | None:
    """Every prefix is in turn the new image beside the others, of which one completion each is there already.

    ``tokens``: of a prefix, as a share of an image's. None where no reward varies.
    """
    rewards = without_offset(rewards)
    prompts, prefixes, completions = rewards.shape
    redrawn, new = np.zeros(prompts), np.zeros(prompts)
    for left_out in range(prefixes):
        there = np.delete(rewards, left_out, 1)
        best = there.max(1)[:, :, None]
        of_the_best = np.take_along_axis(there, there.argmax(1)[:, :, None], 1)
        redrawn += np.maximum(of_the_best - best, 0).sum((1, 2)) / completions / (completions - 1)
        new += np.maximum(rewards[:, left_out, None] - best, 0).mean((1, 2))
    between, within = mean_squares(rewards)
    counts = resampled(prompts)
    variance = counts @ (between + (completions - 1) * within) / completions / prompts
    if not variance[0] > 0:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample may hold no prompt whose rewards vary
        per_image, other = (
            counts @ each / prefixes / prompts / np.sqrt(variance) for each in (redrawn / (1 - tokens), new)
        )
    return Redrawn(prefixes - 1, interval_of(per_image), interval_of(other), interval_of(per_image - other))


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
