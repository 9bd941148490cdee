"""Confidence intervals of proportions."""

import math
from statistics import NormalDist

from scalingar.bench.statistics.paired import QUANTILES
from scalingar.core.errors import ConfigError


def wilson_interval(successes: float, total: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a proportion (Wilson 1927; Brown, Cai & DasGupta 2001).

    With p = k/n and z the normal quantile: (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n). Unlike p ± z·SE it
    stays within [0, 1] and is not empty at 0 or 1.

    Raises:
        ConfigError: ``total`` is not positive or ``successes`` lies outside it.
    """
    if total < 1 or not 0 <= successes <= total:
        raise ConfigError(f"{successes} of {total} is no proportion; give 0 <= successes <= total and total >= 1.")
    z = NormalDist().inv_cdf(QUANTILES[1])
    share = successes / total
    centre = share + z**2 / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
