"""transformers' key-value cache in an arena, on which captured steps decode."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

from scalingar.core.device.captures import Captures
from scalingar.models.arenas import Arena, Arenas, Lease, Step, fitting, full_mask
from scalingar.models.hf.hf_cache import HFCache

Forward = Callable[..., Float[Tensor, "n d"]]
"""Inputs of the output head after one code per row, ``forward(codes, **arguments of the language model)``."""
Head = Callable[[Float[Tensor, "n d"]], Float[Tensor, "n v"]]
"""fp32 logits from them."""


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
    """A decoding step as a function of codes and positions alone.

    ``mask``: what is added to the scores of the ``t`` slots of the prompt, -inf for pads, ``(n, t)``.
    """

    forward: Forward
    head: Head
    stored: list[Float[Tensor, "2 n h s d"]]
    mask: Float[Tensor, "n t"]

    def __call__(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"]) -> Float[Tensor, "n v"]:
        """Logits after one code per row, all at the same position."""
        return self.head(self._hidden(codes, positions))

    def with_states(
        self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, "n v"], Float[Tensor, "n d"]]:
        """The same logits, and the fp32 inputs of the output head."""
        states = self._hidden(codes, positions)
        return self.head(states), states.float()

    def _hidden(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        slots = self.mask.shape[1] + positions
        visible = full_mask(self.mask, slots, self.stored[0].shape[3]) == 0
        return self.forward(
            codes,
            attention_mask=visible[:, None, None],
            position_ids=(slots - self.mask.isinf().sum(1))[:, None],
            past_key_values=Cache(layers=[StepLayer(stored, slots[:1]) for stored in self.stored]),
        )


@dataclass
class FixedHFCache(HFCache):
    """A cache whose rows are the first ones of an arena, from the moment it is decoded on or its rows change.

    ``capacity``: slots of a complete image, prompt included.
    """

    arenas: Arenas = field(kw_only=True)
    forward: Forward = field(kw_only=True)
    head: Head = field(kw_only=True)
    capacity: int = field(kw_only=True)
    lease: Lease | None = None

    @classmethod
    def of(cls, cache: HFCache, arenas: Arenas, forward: Forward, head: Head, codes: int) -> Self:
        """After the prompt, with room for ``codes`` more slots."""
        return cls(
            cache.layers,
            cache.pads,
            cache.ragged,
            cache.ends,
            arenas=arenas,
            forward=forward,
            head=head,
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
        arena.put_mask(self._mask())
        return self

    def copy(self, rows: Int[Tensor, " m"]) -> HFCache:  # type: ignore[override]
        """See :meth:`HFCache.copy`; outside the arena."""
        layers = [layer.copied(rows) for layer in self.layers]
        return HFCache(layers, self.pads.index_select(0, rows), self.ragged, [*self.ends])

    def join(self, other: HFCache, order: Int[Tensor, " m"]) -> Self:
        """See :meth:`HFCache.join`."""
        arena = self._reserve(len(order))
        super().join(other, order)  # type: ignore[arg-type]
        self._put_all(arena)
        return self

    @property
    def step_function(self) -> Step:
        """The decoding step of these rows."""
        return self._settled().step(self.rows, self._make_step)

    def fed(self) -> None:
        """One more slot of every row is filled."""
        filled = self.layers[0].filled + 1
        for layer in self.layers:
            layer.filled = filled
        self.ends.append(filled)

    @torch.inference_mode()
    def step(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"]) -> Float[Tensor, "n v"]:
        """Feed one code per row, at ``positions`` on the device; the logits are overwritten by the next step."""
        logits: Tensor = self.captures(self.step_function, codes, positions)
        self.fed()
        return logits

    @torch.inference_mode()
    def step_with_states(
        self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, "n v"], Float[Tensor, "n d"]]:
        """See :meth:`step`, with the fp32 inputs of the output head; both are overwritten by the next step."""
        logits, states = self.captures(self.step_function.with_states, codes, positions)
        self.fed()
        return logits, states

    def _make_step(self, stored: list[Tensor], mask: Tensor | None) -> HFStep:
        assert mask is not None
        return HFStep(self.forward, self.head, stored, mask)

    def _mask(self) -> Bool[Tensor, "n t"]:
        """True where a slot of the prompt is no pad."""
        return torch.arange(self.ends[0], device=self.pads.device) >= self.pads[:, None]

    def _settled(self) -> Arena:
        if self.lease is not None:
            return self.lease.arena
        arena = self._reserve(self.rows)
        self._put_all(arena)
        return arena

    def _reserve(self, rows: int) -> Arena:
        if self.lease is None or rows > self.lease.arena.rows:
            heads, _, width = self.layers[0].buffers[0].shape[1:]
            like = self.layers[0].buffers[0].new_empty(2, 0, heads, self.capacity, width)
            self.lease = self.arenas.lease([like] * len(self.layers), self._mask(), rows)
        return self.lease.arena

    def _put_all(self, arena: Arena) -> None:
        for index in range(len(self.layers)):
            self._put(arena, index)
        arena.put_mask(self._mask())

    def _put(self, arena: Arena, index: int) -> None:
        layer = self.layers[index]
        filled = layer.filled
        stored = arena.layers[index][:, : layer.buffers[0].shape[0]]
        for part, buffer in enumerate(layer.buffers):
            stored[part, :, :, :filled] = buffer[:, :, :filled]
        layer.buffers = [stored[0], stored[1]]
        layer.keys = layer.values = None  # views of the old buffers
