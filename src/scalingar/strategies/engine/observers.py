"""Statistics of a step's logits for the whole batch, and an observer per image, for both kinds of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.decoding_kind import Decoding
from scalingar.decoding.guidance import Scale
from scalingar.decoding.trajectories import Trajectories
from scalingar.profile.confidence import ConfidenceProfile
from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.scale_statistics import (
    ScaleStatistics,
    drawn_log_p,
    scale_distributions,
    scale_signals,
    scale_statistics,
)
from scalingar.profile.signals import signals
from scalingar.profile.token_statistics import StepDistributions, TokenStatistics, step_distributions, token_statistics
from scalingar.strategies.search import Columns
from scalingar.strategies.setting import Setting

Statistics = TokenStatistics | ScaleStatistics
Trace = Mapping[str, Float[np.ndarray, " t"]]

DRAWN = ("log_p", "log_p_null")
"""ln p(x|c) and ln p(x|∅) of the drawn codes."""


class Observer(Protocol):
    """One image's profile: follows its rows and gives the values to record."""

    @property
    def profile(self) -> ConfidenceProfile | None:
        """The profile as a search sees it."""
        ...

    def update(self, statistics: Any, positions: int | Int[np.ndarray, " n"]) -> Columns:
        """Update with the statistics of one step at ``positions``; returns values by the paper's letters, with C."""
        ...

    def guided(self, scales: Float[np.ndarray, " n"]) -> Columns:
        """The values to record for the guidance scales of a step."""
        ...

    def select(self, rows: Int[np.ndarray, " m"]) -> None:
        """The given rows, in the given order, repeats allowed."""
        ...

    def extend(self, traces: list[Trace]) -> None:
        """Add rows with the given traces, which may be empty."""
        ...

    def signals(self, trace: Trace, drawn: int, codes: int) -> dict[str, float]:
        """Signals of a trajectory from its trace; ``drawn``: steps drawn, ``codes``: codes drawn."""
        ...


@dataclass(frozen=True)
class Observation:
    """One step's logits of a whole batch."""

    distributions: StepDistributions
    statistics: Statistics
    codes_each: int = 0
    """Codes per step of a next-scale model; 0: a step is a code."""

    def log_p(self, rows: Int[np.ndarray, " m"], codes: Tensor) -> Float[np.ndarray, "2 m"]:
        """:data:`DRAWN` of the codes drawn by these rows of the batch."""
        if self.codes_each:
            return drawn_log_p(self.distributions, rows, codes)
        return self.distributions.log_p(rows, codes)


def observe(trajectories: Trajectories, scale: Scale, config: ProfileConfig, decoding: Decoding) -> Observation:
    """Distributions and statistics of all rows, guided at ``scale``."""
    if decoding == "next-token":
        distributions = step_distributions(
            trajectories.branches, guidance_scale=scale, distribution=config.distribution
        )
        return Observation(distributions, token_statistics(distributions, config.deepconf_top_k))
    logits = trajectories.branches
    distributions = scale_distributions(logits, scale if isinstance(scale, float) else np.asarray(scale), config)
    return Observation(distributions, scale_statistics(distributions, len(trajectories), config), logits[0, 0].shape[0])


class TokenObserver:
    """The observer of a next-token model."""

    def __init__(self, config: ProfileConfig, setting: Setting, rows: int, history: int) -> None:
        self.profile = ConfidenceProfile.start(config, rows, setting.grid, history=history)
        self.vocab_size = setting.vocab_size

    def update(self, statistics: TokenStatistics, positions: int | Int[np.ndarray, " n"]) -> Columns:
        """See :class:`Observer`."""
        self.profile = self.profile.update(statistics, positions)
        return {**self.profile.values, "deepconf": statistics.deepconf}

    def guided(self, scales: Float[np.ndarray, " n"]) -> Columns:
        """See :class:`Observer`."""
        return {"s": scales.astype(np.float32)}

    def select(self, rows: Int[np.ndarray, " m"]) -> None:
        """See :class:`Observer`."""
        self.profile = self.profile.select(rows)

    def extend(self, traces: list[Trace]) -> None:
        """See :class:`Observer`."""
        for trace in traces:
            self.profile = self.profile.resumed(trace, self.vocab_size)

    def signals(self, trace: Trace, drawn: int, codes: int) -> dict[str, float]:
        """See :class:`Observer`."""
        return signals(trace, drawn)


class ScaleObserver:
    """The observer of a next-scale model, which keeps no state per row."""

    profile = None

    def update(self, statistics: ScaleStatistics, positions: int | Int[np.ndarray, " n"]) -> Columns:
        """See :class:`Observer`."""
        return statistics.trace()

    def guided(self, scales: Float[np.ndarray, " n"]) -> Columns:
        """See :class:`Observer`."""
        return {}

    def select(self, rows: Int[np.ndarray, " m"]) -> None:
        """See :class:`Observer`."""

    def extend(self, traces: list[Trace]) -> None:
        """See :class:`Observer`."""

    def signals(self, trace: Trace, drawn: int, codes: int) -> dict[str, float]:
        """See :class:`Observer`."""
        return scale_signals({name: values[:drawn] for name, values in trace.items()}, codes)
