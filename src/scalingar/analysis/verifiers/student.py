"""Student's t, of which numpy has no quantiles."""

import math


def within(t: float, freedom: int) -> float:
    """P(|T| <= t) at ``freedom`` degrees of freedom, 1 or more (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine, total, term = math.cos(angle), 0.0, 1.0
    odd = freedom % 2
    if odd:
        term = cosine
    for number in range(odd, freedom - 1, 2):
        total += term
        term *= (number + 1) / (number + 2) * cosine**2
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


def half_width(share: float, freedom: int) -> float:
    """t with P(|T| <= t) = ``share``, between 0 and 0.99: half of an interval, in standard errors."""
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle, freedom) < share else (low, middle)
    return high
