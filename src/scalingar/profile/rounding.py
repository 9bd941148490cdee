"""What counts as equal: last digits differ between batch sizes, thread counts and processors, and decide nothing."""

import numpy as np
from jaxtyping import Bool, Float, Int

ROUNDING = 1e-5
"""Confidences that differ by less are equal; so are rewards, distances and sums that differ by less than this share.
A smaller spread of entropies (of ln V) or of divergences (in nats) is no spread, and nothing is divided by it."""


Scale = float | Float[np.ndarray, "..."]
"""One, or an array that is broadcast to the values."""


def below(
    values: Float[np.ndarray, "*images n"], limit: float | Float[np.ndarray, "*images _"]
) -> Bool[np.ndarray, "*images n"]:
    """Smaller than the limit by more than :data:`ROUNDING`; NaN is not."""
    # In the values' own precision, so that one image and many are compared alike.
    return values < np.asarray(limit, values.dtype) - values.dtype.type(ROUNDING)


def reaches(values: Float[np.ndarray, "*n"], limit: float) -> Bool[np.ndarray, "*n"]:
    """At least the limit, of which a share of :data:`ROUNDING` may be missing."""
    return np.asarray(values >= limit - ROUNDING * abs(limit))


def first_largest(values: Float[np.ndarray, "*n k"], scale: Scale = 0.0) -> Int[np.ndarray, "*n"]:
    """Index of the largest of the last axis, the first of equal ones; NaN is never the largest.

    ``scale``: of the terms that the values are sums of, so that what is left of them is equal within a share of it.
    """
    known = np.where(np.isnan(values), -np.inf, values)
    largest = known.max(axis=-1, keepdims=True)
    return np.asarray((known >= largest - _share(largest, scale)).argmax(axis=-1))


def rises(best: Float[np.ndarray, "*n k"]) -> Bool[np.ndarray, "*n k"]:
    """Where a running maximum exceeds the value before it; the first value does."""
    before = np.concatenate([np.full_like(best[..., :1], -np.inf), best[..., :-1]], axis=-1)
    return best > before + _share(before)


def descending(values: Float[np.ndarray, "*n k"], scale: Scale = 0.0) -> Int[np.ndarray, "*n k"]:
    """Indices of the last axis by value, the largest first, equal ones in their order, NaN last.

    Values of which each equals the next are all equal. ``scale``: see :func:`first_largest`.
    """
    order = np.argsort(-values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, -1)
    before, after = ordered[..., :-1], ordered[..., 1:]
    same = after >= before - _share(before, scale)
    group = np.concatenate([np.zeros_like(order[..., :1]), (~same).cumsum(axis=-1)], axis=-1)
    grouped = np.empty_like(order)
    np.put_along_axis(grouped, order, group, -1)
    return np.argsort(grouped, axis=-1, kind="stable")


def signs(values: Float[np.ndarray, "*n k"], scale: Scale = 0.0) -> Float[np.ndarray, "*n k k"]:
    """Of all pairs of the last axis: 1 where the first exceeds the second, -1 where it is less, 0 where they are equal.

    Values are finite. ``scale``: see :func:`first_largest`.
    """
    difference = values[..., :, None] - values[..., None, :]
    most = _share(values, scale)
    same = np.abs(difference) <= np.maximum(most[..., :, None], most[..., None, :])
    return np.where(same, 0.0, np.sign(difference))


def _share(values: Float[np.ndarray, "*n"], scale: Scale = 0.0) -> Float[np.ndarray, "*n"]:
    """By how much others may differ from these values, or from terms of that scale, and be equal."""
    return ROUNDING * np.maximum(np.where(np.isfinite(values), np.abs(values), 0), scale)
