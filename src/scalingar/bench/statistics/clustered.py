"""Means over answers of people, with intervals that draw whole people."""

import numpy as np
from jaxtyping import Float

from scalingar.bench.statistics.drops import Interval
from scalingar.bench.statistics.paired import QUANTILES, draw_counts

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
    """The value of the first row, with the 95 % percentile interval of the others; one person has none, NaN."""
    drawn = values[1:][np.isfinite(values[1:])]
    if people < 2 or not len(drawn):
        return Interval(float(values[0]), float("nan"), float("nan"))
    low, high = np.quantile(drawn, QUANTILES)
    return Interval(float(values[0]), float(low), float(high))
