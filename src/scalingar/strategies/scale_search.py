"""What a strategy sees and decides after each scale of a next-scale model."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.profile.scales import ScaleStatistics


@dataclass(frozen=True)
class ScaleStep:
    """One prompt's live trajectories once the codes of ``scale`` are drawn.

    ``indices``: which trajectories they are, one per row.
    ``statistics``: of the logits the codes were drawn from.
    ``rewards``: asks the strategy's reward about the rows as they are now, ``(n,)`` finite numbers; decodes images if
    the reward looks at them.
    ``features``: describes the rows' images, ``(n, t, d)``.
    """

    scale: int
    indices: list[int]
    statistics: ScaleStatistics
    rewards: Callable[[], Float[np.ndarray, " n"]]
    features: Callable[[], Float[Tensor, "n t d"]]

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True)
class ScaleDecision:
    """Which rows of a step go on.

    ``rows``: in their new order; a row that repeats is forked.
    ``reason``: why the others do not.
    ``trace``: values of this scale to record, ``(n,)`` each.
    """

    rows: Int[np.ndarray, " m"]
    reason: str = ""
    trace: dict[str, Float[np.ndarray, " n"]] = field(default_factory=dict)


class ScaleSearch:
    """One prompt's run of a strategy. This one keeps every trajectory."""

    def __init__(self, starts: int) -> None:
        """``starts``: trajectories at the first scale."""
        self.starts = starts

    def observe(self, step: ScaleStep) -> ScaleDecision:
        """Called after each scale. Raises DecodingError where nothing sound can be decided."""
        return ScaleDecision(np.arange(len(step)))

    def follow(self, rows: Int[np.ndarray, " m"]) -> None:
        """Called with the rows that go on, decided or because others broke down, for what is kept per row."""
