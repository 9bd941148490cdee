"""TTS-VAR's descending batch size: how many trajectories continue after each scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

PAPER_SIZES = (8, 6, 4, 2, 1)
"""TTS-VAR's batches for N = 1: the first one, and what each prune leaves."""
PAPER_SCALES = 13
PAPER_CLUSTERING = (2, 5)
PAPER_RESAMPLING = (6, 9)


@dataclass(frozen=True)
class BatchSchedule:
    """Batch sizes by scale. ``after[k]``: trajectories left after scale ``k`` was drawn and pruned.

    The transformer runs scale ``k`` for ``live[k]`` trajectories: pruning a scale saves work in later scales only.

    Raises:
        ValueError: no scales, a batch below 1, or a batch that grows.
    """

    after: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.after:
            raise ValueError("the batch schedule is empty; give one number per scale")
        for scale, size in enumerate(self.after):
            if size < 1:
                raise ValueError(f"the batch after scale {scale} is {size}; at least 1 trajectory must go on")
            if scale and size > self.after[scale - 1]:
                raise ValueError(
                    f"the batch grows from {self.after[scale - 1]} to {size} at scale {scale}; it may only shrink"
                )

    @classmethod
    def staged(cls, sizes: Sequence[int], prunes: Sequence[int], scales: int) -> Self:
        """``sizes[0]`` trajectories at first, ``sizes[i + 1]`` after the prune at scale ``prunes[i]``.

        Raises:
            ValueError: the prunes are not one fewer than the sizes, not ascending, or not before the last scale.
        """
        if len(sizes) != len(prunes) + 1:
            raise ValueError(
                f"{len(sizes)} batch sizes for {len(prunes)} prunes; give the first batch and what each prune leaves"
            )
        check_prunes(prunes, scales)
        return cls(tuple(sizes[sum(scale >= prune for prune in prunes)] for scale in range(scales)))

    def times(self, factor: int) -> Self:
        """The schedule for N = ``factor``: every batch multiplied by it."""
        return type(self)(tuple(factor * size for size in self.after))

    @property
    def live(self) -> tuple[int, ...]:
        """Trajectories the transformer runs at each scale: ``after``, one scale later."""
        return (self.after[0], *self.after[:-1])

    @property
    def drops(self) -> tuple[int, ...]:
        """Scales after which the batch shrinks."""
        return tuple(k for k, (now, then) in enumerate(zip(self.live, self.after, strict=True)) if then < now)


def stretched(prunes: Sequence[int], scales: int, *, of: int = PAPER_SCALES) -> tuple[int, ...]:
    """``prunes`` of a model with ``of`` scales at the same fractions k / (S − 1) of a model with ``scales`` scales.

    Halves are rounded up; of two equal results the later moves to the next scale. The paper's 2, 5, 6, 9 of 13 become
    2, 4, 5, 7 of VAR's 10.

    Raises:
        ValueError: there are too few scales, so that the last prune would be at the last scale.
    """
    result: list[int] = []
    for prune in prunes:
        scale = math.floor(prune * (scales - 1) / (of - 1) + 0.5)
        result.append(max(scale, result[-1] + 1 if result else 0))
    if result and result[-1] >= scales - 1:
        raise ValueError(f"{scales} scales are too few for {len(prunes)} prunes; say at which scales to prune")
    return tuple(result)


def check_prunes(prunes: Sequence[int], scales: int) -> None:
    """Raises ValueError unless ``prunes`` ascend strictly and none is the last of ``scales`` scales or beyond."""
    if list(prunes) != sorted(set(prunes)):
        raise ValueError(f"the prunes {list(prunes)} must be different scales in ascending order")
    for prune in prunes:
        if not 0 <= prune < scales:
            raise ValueError(f"there is no scale {prune}: the model has scales 0 to {scales - 1}")
        if prune == scales - 1:
            raise ValueError(f"scale {prune} is the last one; nothing is drawn after it that a prune could spare")
