"""Means over answers of people, with intervals that draw whole people."""

import numpy as np
from jaxtyping import Float

from scalingar.bench.statistics.drops import Interval
from scalingar.bench.statistics.paired import QUANTILES, draw_counts
from scalingar.bench.statistics.proportions import wilson_interval

PEOPLE_RESAMPLES = 2_000


@np.errstate(divide="ignore", invalid="ignore")
def ratio(sums: Float[np.ndarray, " *d"], counts: Float[np.ndarray, " *d"]) -> Float[np.ndarray, " *d"]:
    """Σ / n where there is something to divide by, else NaN."""
    return np.where(counts > 0, sums / counts, np.nan)


def person_weights(
    people: int, rng: np.random.Generator, resamples: int = PEOPLE_RESAMPLES
) -> Float[np.ndarray, "r k"]:
    """How often each of ``people`` counts: once in the first row, and as drawn with replacement in the others.

    Answers of one person are not independent; people are. So whole people are drawn (the cluster bootstrap: Field &
    Welsh 2007, "Bootstrapping clustered data"; Efron & Tibshirani 1993, ch. 13).
    """
    return np.vstack([np.ones((1, people)), draw_counts(people, resamples, rng)])


def percentile_interval(values: Float[np.ndarray, " r"], people: int) -> Interval:
    """The value of the first row, with the 95 % percentile interval of the others; one person has none, NaN.

    Resamples that are not finite are left out; :func:`left_out` counts them.
    """
    drawn = values[1:][np.isfinite(values[1:])]
    if people < 2 or not len(drawn):
        return Interval(float(values[0]), float("nan"), float("nan"))
    low, high = np.quantile(drawn, QUANTILES)
    return Interval(float(values[0]), float(low), float(high))


def bounded_interval(
    values: Float[np.ndarray, " r"], people: int, answered: int, bounds: tuple[float, float] = (0.0, 1.0)
) -> Interval:
    """As :func:`percentile_interval`, of means of answers within ``bounds`` by ``answered`` of the people.

    Where all said the same, every resample does too, and the percentiles meet. There it is Wilson's interval of as many
    answers as there are people who gave any: no more of them are known to be independent. Of answers between the
    bounds it is too wide rather than too narrow, since none vary more than those at the bounds.
    """
    interval = percentile_interval(values, people)
    if not np.isclose(interval.low, interval.high, rtol=0, atol=1e-12):  # NaN is close to nothing
        return interval
    lowest, highest = bounds
    share = min(max((interval.value - lowest) / (highest - lowest), 0.0), 1.0)
    low, high = wilson_interval(share * answered, answered)
    return Interval(interval.value, lowest + low * (highest - lowest), lowest + high * (highest - lowest))


def left_out(values: Float[np.ndarray, " r"]) -> int:
    """How many resamples say nothing, because the people drawn were not asked, or not about enough.

    0 where the value itself, in the first row, is unknown: it has no interval.
    """
    return int((~np.isfinite(values[1:])).sum()) if np.isfinite(values[0]) else 0
