"""Statistics of a step's logits for the whole batch, and an observer per image, for both kinds of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.decoding_kind import Decoding
from scalingar.core.device.transfer import to_device
from scalingar.decoding.frontier import Frontier
from scalingar.profile.confidence import ConfidenceProfile
from scalingar.profile.duration import share_of
from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.signals import signals
from scalingar.profile.statistics import device_statistics
from scalingar.profile.statistics.device_statistics import DeviceStatistics
from scalingar.profile.statistics.guidance import Scale
from scalingar.profile.statistics.scale_statistics import (
    ScaleStatistics,
    drawn_log_p,
    scale_distributions,
    scale_signals,
    scale_statistics,
)
from scalingar.profile.statistics.token_statistics import TokenStatistics, step_distributions, token_statistics
from scalingar.strategies.engine.host_reads import HostReads
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


class Observation(Protocol):
    """One step's logits of a whole batch."""

    @property
    def statistics(self) -> Any:
        """:data:`Statistics` of all rows; on a device once the host has read them."""
        ...

    def log_p(self, rows: Int[np.ndarray, " m"] | None, codes: Tensor) -> Float[np.ndarray, "2 m"] | Tensor:
        """:data:`DRAWN` of the codes drawn by these rows of the batch (None: all); on a device not yet read."""
        ...


def observe(
    frontier: Frontier, scale: Scale, config: ProfileConfig, decoding: Decoding, reads: HostReads
) -> Observation:
    """Statistics of all rows, guided at ``scale``; on a device they are complete after ``reads`` is flushed."""
    if not frontier.deferred:
        return HostObservation(frontier, scale, config, decoding)
    seen = DeviceObservation(frontier, config, decoding)
    reads.add(frontier.run(device_statistics_of(config), seen.logits, frontier.per_row(scale)), seen.receive)
    return seen


class HostObservation:
    """On the CPU, in NumPy."""

    def __init__(self, frontier: Frontier, scale: Scale, config: ProfileConfig, decoding: Decoding) -> None:
        logits = frontier.branches
        self.statistics: Statistics
        self.of_codes = decoding == "next-token"
        if self.of_codes:
            self.distributions = step_distributions(logits, guidance_scale=scale, distribution=config.distribution)
            self.statistics = token_statistics(self.distributions, config.deepconf_top_k)
        else:
            number = scale if isinstance(scale, float) else np.asarray(scale)
            self.distributions = scale_distributions(logits, number, config)
            self.statistics = scale_statistics(self.distributions, len(frontier), config)

    def log_p(self, rows: Int[np.ndarray, " m"] | None, codes: Tensor) -> Float[np.ndarray, "2 m"]:
        """See :class:`Observation`."""
        rows = np.arange(len(codes)) if rows is None else rows
        return self.distributions.log_p(rows, codes) if self.of_codes else drawn_log_p(self.distributions, rows, codes)


class DeviceObservation:
    """On a device; the host reads 4 numbers per row, and ``statistics`` are there once it has."""

    statistics: Statistics

    def __init__(self, frontier: Frontier, config: ProfileConfig, decoding: Decoding) -> None:
        self.run, self.logits = frontier.run, frontier.branches
        self.config, self.decoding = config, decoding

    def log_p(self, rows: Int[np.ndarray, " m"] | None, codes: Tensor) -> Float[Tensor, "2 m"]:
        """See :class:`Observation`."""
        logits = self.logits if rows is None else self.logits[:, to_device(torch.from_numpy(rows), self.logits.device)]
        log_p: Tensor = self.run(device_statistics.drawn_log_p, logits, codes)
        return log_p

    def receive(self, numbers: Float[np.ndarray, "4 n"]) -> None:
        """The numbers of :class:`DeviceStatistics`."""
        vocabulary = self.logits.shape[-1]
        if self.decoding == "next-token":
            self.statistics = device_statistics.token_statistics(numbers, vocabulary)
        else:
            self.statistics = device_statistics.scale_statistics(numbers, vocabulary, self.config)


def device_statistics_of(config: ProfileConfig) -> DeviceStatistics:
    """The function that computes what a profile needs."""
    return DeviceStatistics(config.distribution, config.deepconf_top_k)


class TokenObserver:
    """The observer of a next-token model."""

    def __init__(self, config: ProfileConfig, setting: Setting, rows: int, warmup: float) -> None:
        steps = share_of(warmup, setting.total_steps)
        self.profile = ConfidenceProfile.start(config, rows, setting.grid, preview=setting.preview, warmup=steps)
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
