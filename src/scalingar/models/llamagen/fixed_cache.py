"""LlamaGen's cache in an arena, on which captured steps decode."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.device.captures import Captures
from scalingar.models.arenas import Arena, Arenas, Lease, MakeStep, Step, fitting
from scalingar.models.llamagen.kv_cache import KVCache


@dataclass
class FixedCache(KVCache):
    """A cache whose rows are the first ones of an arena, from the moment it is decoded on or its rows change."""

    arenas: Arenas = field(kw_only=True)
    make_step: MakeStep = field(kw_only=True)
    lease: Lease | None = None

    @property
    def captures(self) -> Captures:
        """The graphs of the batch."""
        return self._settled().captures

    def fitting(self, rows: int) -> int:
        """How many rows a batch of ``rows`` should have."""
        return fitting(rows)

    def select(self, rows: Int[Tensor, " m"]) -> "FixedCache":
        """See :meth:`KVCache.select`; within the arena where it is large enough."""
        arena = self._reserve(len(rows))
        super().select(rows)
        arena.put_mask(self.prefix_mask)
        return self

    def join(self, other: KVCache, order: Int[Tensor, " m"]) -> "FixedCache":
        """See :meth:`KVCache.join`."""
        arena = self._reserve(len(order))
        super().join(other, order)
        arena.put_mask(self.prefix_mask)
        return self

    def overwrite(self, rows: Int[Tensor, " m"], fresh: KVCache) -> None:
        """See :meth:`KVCache.overwrite`."""
        super().overwrite(rows, fresh)
        self._settled().put_mask(self.prefix_mask)

    @property
    def step_function(self) -> Step:
        """The decoding step of these rows."""
        return self._settled().step(self.rows, self.make_step)

    def fed(self) -> None:
        """Nothing to do: positions are the batch's."""

    @torch.inference_mode()
    def step(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"]) -> Float[Tensor, "n v"]:
        """Feed one code per row, at ``positions`` on the device; the logits are overwritten by the next step."""
        logits: Tensor = self.captures(self.step_function, codes, positions)
        return logits

    @torch.inference_mode()
    def step_with_states(
        self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, "n v"], Float[Tensor, "n d"]]:
        """See :meth:`step`, with the fp32 inputs of the output head; both are overwritten by the next step."""
        logits, states = self.captures(self.step_function.with_states, codes, positions)
        return logits, states

    def _settled(self) -> Arena:
        if self.lease is not None:
            return self.lease.arena
        arena = self._reserve(self.rows)
        for index, layer in enumerate(self.layers):
            self._put(index, layer)
        arena.put_mask(self.prefix_mask)
        return arena

    def _reserve(self, rows: int) -> Arena:
        if self.lease is None or rows > self.lease.arena.rows:
            self.lease = self.arenas.lease(self.layers, self.prefix_mask, rows)
        return self.lease.arena

    def _put(self, index: int, layer: Float[Tensor, "2 m h s d"]) -> None:
        assert self.lease is not None
        self.layers[index] = self.lease.arena.put(index, layer)
