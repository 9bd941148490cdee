"""transformers' key-value cache in an arena, on which captured steps decode."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

from scalingar.core.captures import Captures
from scalingar.models.arenas import Arena, Arenas, Lease, fitting
from scalingar.models.hf.hf_cache import HFCache

Forward = Callable[..., Float[Tensor, "n v"]]
"""Logits after one code per row, ``forward(codes, **arguments of the language model)``."""


class StepLayer(DynamicLayer):
    """One layer of a decoding step: writes at a slot that a tensor names, and gives all slots, filled or not."""

    def __init__(self, stored: Float[Tensor, "2 n h s d"], slot: Int[Tensor, "1"]) -> None:
        super().__init__()
        self.stored, self.slot = stored, slot

    def update(
        self, key_states: Float[Tensor, "n h 1 d"], value_states: Float[Tensor, "n h 1 d"], *args: Any, **kwargs: Any
    ) -> tuple[Float[Tensor, "n h s d"], Float[Tensor, "n h s d"]]:
        """Write, and return everything; attention is masked."""
        for stored, state in zip(self.stored, (key_states, value_states), strict=True):
            stored.index_copy_(2, self.slot, state)
        return self.stored[0], self.stored[1]


@dataclass(frozen=True, eq=False)
class HFStep:
    """A decoding step as a function of codes, slot and pads alone."""

    forward: Forward
    stored: list[Float[Tensor, "2 n h s d"]]

    def __call__(
        self, codes: Int[Tensor, " n"], slot: Int[Tensor, "1"], pads: Int[Tensor, " n"]
    ) -> Float[Tensor, "n v"]:
        """Logits after one code per row, all at the same slot."""
        slots = torch.arange(self.stored[0].shape[3], device=slot.device)
        visible = (slots >= pads[:, None]) & (slots <= slot)
        return self.forward(
            codes,
            attention_mask=visible[:, None, None],
            position_ids=(slot - pads)[:, None],
            past_key_values=Cache(layers=[StepLayer(stored, slot) for stored in self.stored]),
        )


@dataclass
class FixedHFCache(HFCache):
    """A cache whose rows are the first ones of an arena, from the moment it is decoded on or its rows change.

    ``capacity``: slots of a complete image, prompt included.
    """

    arenas: Arenas = field(kw_only=True)
    forward: Forward = field(kw_only=True)
    capacity: int = field(kw_only=True)
    lease: Lease | None = None

    @classmethod
    def of(cls, cache: HFCache, arenas: Arenas, forward: Forward, codes: int) -> Self:
        """After the prompt, with room for ``codes`` more slots."""
        return cls(
            cache.layers,
            cache.pads,
            cache.ragged,
            cache.ends,
            arenas=arenas,
            forward=forward,
            capacity=cache.ends[-1] + codes,
        )

    @property
    def captures(self) -> Captures:
        """The graphs of the batch."""
        return self._settled().captures

    def fitting(self, rows: int) -> int:
        """How many rows a batch of ``rows`` should have."""
        return fitting(rows)

    def select(self, rows: Int[Tensor, " m"]) -> Self:
        """See :meth:`HFCache.select`; within the arena where it is large enough."""
        arena = self._reserve(len(rows))
        self.pads = self.pads.index_select(0, rows)
        for index, layer in enumerate(self.layers):
            layer.batch_select_indices(rows)
            self._put(arena, index)
        return self

    def copy(self, rows: Int[Tensor, " m"]) -> HFCache:  # type: ignore[override]
        """See :meth:`HFCache.copy`; outside the arena."""
        layers = [layer.copied(rows) for layer in self.layers]
        return HFCache(layers, self.pads.index_select(0, rows), self.ragged, [*self.ends])

    def join(self, other: HFCache, order: Int[Tensor, " m"]) -> Self:
        """See :meth:`HFCache.join`."""
        arena = self._reserve(len(order))
        super().join(other, order)  # type: ignore[arg-type]
        for index in range(len(self.layers)):
            self._put(arena, index)
        return self

    @torch.inference_mode()
    def step(self, codes: Int[Tensor, " n"]) -> Float[Tensor, "n v"]:
        """Feed one code per row; the logits are overwritten by the next step."""
        arena = self._settled()
        filled = self.layers[0].filled
        slot = torch.full((1,), filled, device=self.pads.device)
        logits = arena.step(self.rows, lambda stored, _: HFStep(self.forward, stored), codes, slot, self.pads)
        for layer in self.layers:
            layer.filled = filled + 1
        self.ends.append(filled + 1)
        return logits

    def _settled(self) -> Arena:
        if self.lease is not None:
            return self.lease.arena
        arena = self._reserve(self.rows)
        for index in range(len(self.layers)):
            self._put(arena, index)
        return arena

    def _reserve(self, rows: int) -> Arena:
        if self.lease is None or rows > self.lease.arena.rows:
            heads, _, width = self.layers[0].buffers[0].shape[1:]
            like = self.layers[0].buffers[0].new_empty(2, 0, heads, self.capacity, width)
            self.lease = self.arenas.lease([like] * len(self.layers), None, rows)
        return self.lease.arena

    def _put(self, arena: Arena, index: int) -> None:
        layer = self.layers[index]
        filled = layer.filled
        stored = arena.layers[index][:, : layer.buffers[0].shape[0]]
        for part, buffer in enumerate(layer.buffers):
            stored[part, :, :, :filled] = buffer[:, :, :filled]
        layer.buffers = [stored[0], stored[1]]
        layer.keys = layer.values = None  # views of the old buffers
