"""Learning rates."""

import math


def cosine(step: int, steps: int, peak: float, *, warmup: int, floor: float) -> float:
    """Linear warm-up, then a cosine down to ``floor`` times the peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))
