"""Cache memory that stays where it is, with the CUDA graphs that read and write it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import finalize

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.core.device.captures import Captures

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Numbers of rows that steps are captured for; larger batches have a multiple of the last."""

Layer = Float[Tensor, "2 n h s d"]
"""Keys and values of one layer."""
PrefixMask = Bool[Tensor, "m t"] | Float[Tensor, "m t"]
"""Which of the first ``t`` slots a row may see, or what is added to their scores."""


class Step(Protocol):
    """A decoding step from a code and its position per row, ``(n,)`` each: functions that can be captured."""

    def __call__(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], /) -> Float[Tensor, "n v"]:
        """fp32 logits."""
        ...

    def with_states(
        self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], /
    ) -> tuple[Float[Tensor, "n v"], Float[Tensor, "n d"]]:
        """Logits, and the fp32 inputs of the output head."""
        ...


MakeStep = Callable[[list[Layer], Float[Tensor, "n t"] | None], Step]
"""A decoding step on given memory: layers, and the mask of the first slots."""


def fitting(rows: int) -> int:
    """The smallest size of at least ``rows``."""
    return next((size for size in SIZES if size >= rows), -(-rows // SIZES[-1]) * SIZES[-1])


class Arena:
    """Memory for at most ``rows`` rows.

    ``layers[i]``: ``(2, rows, heads, s, head_dim)``; ``mask``: what is added to the scores of the first ``t`` slots,
    ``(rows, t)`` in fp32, or None.
    """

    def __init__(self, layers: list[Layer], mask: PrefixMask | None, rows: int) -> None:
        """As ``layers`` and ``mask``, but for their number of rows."""
        self.rows = rows
        self.layers = [layer.new_zeros(2, rows, *layer.shape[2:]) for layer in layers]
        self.mask = None if mask is None else mask.new_zeros((rows, mask.shape[1]), dtype=torch.float32)
        self.captures = Captures()
        self._steps: dict[int, Step] = {}

    def holds(self, layers: list[Layer], mask: PrefixMask | None, rows: int) -> bool:
        """Whether so many rows of such layers fit."""
        own, other = ((None if part is None else part.shape[1]) for part in (self.mask, mask))
        alike = layers[0].shape[2:] == self.layers[0].shape[2:] and layers[0].dtype == self.layers[0].dtype
        return rows <= self.rows and own == other and alike

    def put(self, index: int, layer: Layer) -> Layer:
        """Copy the first rows of a layer here; returns where they are now."""
        return self.layers[index][:, : layer.shape[1]].copy_(layer)

    def put_mask(self, mask: PrefixMask | None) -> None:
        """Copy the mask of the first rows here."""
        if mask is not None:
            assert self.mask is not None
            self.mask[: len(mask)] = added_to_scores(mask)

    def step(self, rows: int, make: MakeStep) -> Step:
        """The decoding step of the first ``rows`` rows."""
        if rows not in self._steps:
            mask = None if self.mask is None else self.mask[:rows]
            self._steps[rows] = make([layer[:, :rows] for layer in self.layers], mask)
        return self._steps[rows]


@dataclass(eq=False)
class Lease:
    """An arena in use; it is free again when nothing refers to this."""

    arena: Arena


class Arenas:
    """A model's arenas. Each serves one batch at a time and is used again, with its graphs, when that batch is gone."""

    def __init__(self) -> None:
        self._free: list[Arena] = []

    def lease(self, layers: list[Any], mask: PrefixMask | None, rows: int) -> Lease:
        """An arena for so many rows of such a cache; free ones are given up when none of them serves."""
        found = next((arena for arena in self._free if arena.holds(layers, mask, rows)), None)
        if found is None:
            self._free.clear()
            found = Arena(layers, mask, fitting(rows))
        else:
            self._free.remove(found)
        lease = Lease(found)
        finalize(lease, self._free.append, found)
        return lease

    def clear(self) -> None:
        """Give up the free ones, after a change of the step that their graphs hold."""
        self._free.clear()


def added_to_scores(mask: PrefixMask) -> Float[Tensor, "m t"]:
    """A prefix mask as what is added to the scores."""
    if mask.is_floating_point():
        return mask
    return torch.zeros_like(mask, dtype=torch.float32).masked_fill_(~mask, -torch.inf)


def full_mask(prefix: Float[Tensor, "n t"] | None, slots: Int[Tensor, " n"], capacity: int) -> Float[Tensor, "n s"]:
    """What is added to the scores of all slots: the prefix's own, 0 up to the row's slot, and -inf after it."""
    behind = torch.arange(capacity, device=slots.device) > slots[:, None]
    mask = torch.zeros(behind.shape, dtype=torch.float32, device=slots.device).masked_fill_(behind, -torch.inf)
    if prefix is not None:
        mask[:, : prefix.shape[1]] += prefix
    return mask
