"""Rows of a live batch that are drawn and observed in different manners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.device.transfer import to_device
from scalingar.decoding.decoder import Decoder
from scalingar.decoding.frontier import Frontier
from scalingar.profile.profile_config import ProfileConfig
from scalingar.strategies.engine.host_reads import HostReads
from scalingar.strategies.engine.observers import Observation, observe

Rows = Int[np.ndarray, " m"]


@dataclass(frozen=True)
class Part:
    """``rows`` of a batch that share sampling and profile, none of them twice."""

    decoder: Decoder
    profile: ProfileConfig
    rows: Rows

    def observe(self, batch: Frontier, scales: Float[np.ndarray, "*p n"], reads: HostReads) -> Observation:
        """Statistics of these rows, guided at ``scales``, which are of all rows."""
        frontier = batch.part(torch.from_numpy(self.rows))
        scale = self.decoder.scale_at(frontier.positions, scales[..., self.rows])
        return observe(frontier, scale, self.profile, self.decoder.decoding, reads)

    def draw(self, batch: Frontier, scales: Float[np.ndarray, "*p n"]) -> Int[Tensor, "*m"]:
        """The next codes of these rows."""
        return self.decoder.draw(batch.part(torch.from_numpy(self.rows)), scales[..., self.rows])


def draw_parts(parts: Sequence[Part], batch: Frontier, scales: Float[np.ndarray, "*p n"]) -> Int[Tensor, "*n"]:
    """The next codes of all rows of the batch."""
    codes = torch.cat([part.draw(batch, scales) for part in parts])
    return codes.index_select(0, _back([part.rows for part in parts], codes.device))


class MixedObservation:
    """An :class:`Observation` of a whole batch, part by part."""

    def __init__(
        self, parts: Sequence[Part], batch: Frontier, scales: Float[np.ndarray, "*p n"], reads: HostReads
    ) -> None:
        self.seen = [(part.rows, part.observe(batch, scales, reads)) for part in parts]
        self.count = len(batch)

    @cached_property
    def statistics(self) -> Any:
        """Of all rows; complete once the host has read those of the parts."""
        joined = reduce(lambda some, more: some.joined(more), [part.statistics for _, part in self.seen])
        return joined.select(np.argsort(np.concatenate([rows for rows, _ in self.seen])))

    def log_p(self, rows: Rows | None, codes: Tensor) -> Float[np.ndarray, "2 m"] | Tensor:
        """See :class:`Observation`."""
        rows = np.arange(self.count) if rows is None else rows
        places: list[Rows] = []
        found: list[Any] = []
        for own, part in self.seen:
            mine = np.flatnonzero(np.isin(rows, own))
            if len(mine):
                within = np.zeros(self.count, np.int64)
                within[own] = np.arange(len(own))
                places.append(mine)
                found.append(part.log_p(within[rows[mine]], codes[to_device(torch.from_numpy(mine), codes.device)]))
        if isinstance(found[0], Tensor):
            return torch.cat(found, 1).index_select(1, _back(places, codes.device))
        return np.concatenate(found, 1)[:, np.argsort(np.concatenate(places))]


def _back(rows: Sequence[Int[np.ndarray, " _m"]], device: torch.device) -> Int[Tensor, " n"]:
    """From the order of the parts to that of the batch."""
    return to_device(torch.from_numpy(np.argsort(np.concatenate(rows))), device)
