"""What a step's logits say, for both kinds of models: statistics for a whole batch, and a profile for each image."""

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
"""ln p(x|c) and ln p(x|∅) of what was drawn."""


class Watch(Protocol):
    """One image's profile: it follows the rows and says what is recorded of each."""

    @property
    def profile(self) -> ConfidenceProfile | None:
        """What a search sees of it."""
        ...

    def update(self, statistics: Any, at: int | Int[np.ndarray, " n"]) -> Columns:
        """Read the statistics of one step, the rows standing ``at`` it; values by the paper's letters, C among them."""
        ...

    def guided(self, scales: Float[np.ndarray, " n"]) -> Columns:
        """What is recorded of the guidance scales that a step draws at."""
        ...

    def select(self, rows: Int[np.ndarray, " m"]) -> None:
        """The given rows, in the given order, repeats allowed."""
        ...

    def extend(self, traces: list[Trace]) -> None:
        """Further rows, which have shown what the traces hold; empty ones have shown nothing."""
        ...

    def signals(self, trace: Trace, drawn: int, codes: int) -> dict[str, float]:
        """What a trajectory's trace says, ``drawn`` steps of which were drawn, with so many codes."""
        ...


@dataclass(frozen=True)
class Observation:
    """One step of a whole batch."""

    distributions: StepDistributions
    statistics: Statistics
    codes_each: int = 0
    """Of a next-scale model; 0: a step is a code."""

    def drawn(self, rows: Int[np.ndarray, " m"], codes: Tensor) -> Float[np.ndarray, "2 m"]:
        """:data:`DRAWN` of the codes that these rows of the batch drew."""
        if self.codes_each:
            return drawn_log_p(self.distributions, rows, codes)
        return self.distributions.of(rows, codes)


def observe(trajectories: Trajectories, scale: Scale, config: ProfileConfig, decoding: Decoding) -> Observation:
    """What the logits of all rows say, guided at ``scale``."""
    if decoding == "next-token":
        distributions = step_distributions(
            trajectories.branches, guidance_scale=scale, distribution=config.distribution
        )
        return Observation(distributions, token_statistics(distributions, config.deepconf_top_k))
    logits = trajectories.branches
    distributions = scale_distributions(logits, scale if isinstance(scale, float) else np.asarray(scale), config)
    return Observation(distributions, scale_statistics(distributions, len(trajectories), config), logits[0, 0].shape[0])


class TokenWatch:
    """Of a next-token model."""

    def __init__(self, config: ProfileConfig, setting: Setting, rows: int, history: int) -> None:
        self.profile = ConfidenceProfile.start(config, rows, setting.grid, history=history)
        self.vocab_size = setting.vocab_size

    def update(self, statistics: TokenStatistics, at: int | Int[np.ndarray, " n"]) -> Columns:
        """See :class:`Watch`."""
        self.profile = self.profile.update(statistics, at)
        return {**self.profile.values, "deepconf": statistics.deepconf}

    def guided(self, scales: Float[np.ndarray, " n"]) -> Columns:
        """See :class:`Watch`."""
        return {"s": scales.astype(np.float32)}

    def select(self, rows: Int[np.ndarray, " m"]) -> None:
        """See :class:`Watch`."""
        self.profile = self.profile.select(rows)

    def extend(self, traces: list[Trace]) -> None:
        """See :class:`Watch`."""
        for trace in traces:
            self.profile = self.profile.resumed(trace, self.vocab_size)

    def signals(self, trace: Trace, drawn: int, codes: int) -> dict[str, float]:
        """See :class:`Watch`."""
        return signals(trace, drawn)


class ScaleWatch:
    """Of a next-scale model: every scale stands for itself, nothing is kept per row."""

    profile = None

    def update(self, statistics: ScaleStatistics, at: int | Int[np.ndarray, " n"]) -> Columns:
        """See :class:`Watch`."""
        return statistics.trace()

    def guided(self, scales: Float[np.ndarray, " n"]) -> Columns:
        """See :class:`Watch`."""
        return {}

    def select(self, rows: Int[np.ndarray, " m"]) -> None:
        """See :class:`Watch`."""

    def extend(self, traces: list[Trace]) -> None:
        """See :class:`Watch`."""

    def signals(self, trace: Trace, drawn: int, codes: int) -> dict[str, float]:
        """See :class:`Watch`."""
        return scale_signals({name: values[:drawn] for name, values in trace.items()}, codes)
