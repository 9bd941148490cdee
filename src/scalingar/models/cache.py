"""The key-value cache as an explicit object: one row per branch of a trajectory."""

from dataclasses import dataclass
from typing import Protocol, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Cache(Protocol):
    """What the decoding loop needs of a model's cache, whatever it holds."""

    @property
    def rows(self) -> int:
        """Rows held."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...

    def select(self, rows: Int[Tensor, " m"]) -> Self:
        """The given rows, in the given order; a row may repeat. The old cache is spent."""
        ...


@dataclass
class KVCache:
    """Keys and values of every layer for ``n`` rows and up to ``s`` slots.

    ``keys[i]``, ``values[i]``: ``(n, heads, s, head_dim)``, filled from slot 0 upward and written in place.
    ``prefix_mask``: which condition slots a row may see, ``(n, t)``, or None when all of them.
    """

    keys: list[Float[Tensor, "n h s d"]]
    values: list[Float[Tensor, "n h s d"]]
    prefix_mask: Bool[Tensor, "n t"] | None = None

    @property
    def rows(self) -> int:
        """Rows held."""
        return self.keys[0].shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values."""
        return sum(t.nbytes for t in (*self.keys, *self.values))

    def select(self, rows: Int[Tensor, " m"]) -> "KVCache":
        """The given rows, in the given order; a row may repeat. This cache is spent: its layers are freed one by one,
        so that never more than one layer exists twice.
        """
        for tensors in (self.keys, self.values):
            for layer, tensor in enumerate(tensors):
                tensors[layer] = tensor.index_select(0, rows)
        if self.prefix_mask is not None:
            self.prefix_mask = self.prefix_mask.index_select(0, rows)
        return self

    def write(
        self,
        layer: int,
        key: Float[Tensor, "n h q d"],
        value: Float[Tensor, "n h q d"],
        slots: "Slots",
    ) -> tuple[Float[Tensor, "n h k d"], Float[Tensor, "n h k d"]]:
        """Store at ``slots`` and return the filled part of the layer (views, no copy)."""
        keys, values = self.keys[layer], self.values[layer]
        if slots.uniform:
            first, last = slots.first, slots.end
            keys[:, :, first:last] = key
            values[:, :, first:last] = value
        else:
            at = torch.arange(keys.shape[0], device=keys.device)
            keys[at, :, slots.per_row] = key[:, :, 0]
            values[at, :, slots.per_row] = value[:, :, 0]
        return keys[:, :, : slots.end], values[:, :, : slots.end]


@dataclass(frozen=True)
class Slots:
    """Where the queries of one forward pass stand: one run of slots for all rows, or one slot per row."""

    first: int
    end: int
    per_row: Int[Tensor, " n"] | None = None

    @property
    def uniform(self) -> bool:
        """Every row stands at the same slots."""
        return self.per_row is None

    @classmethod
    def at(cls, positions: Int[Tensor, " n"]) -> "Slots":
        """One slot per row, from a CPU tensor; rows in step take the path without mask or scatter."""
        low, high = int(positions.min()), int(positions.max())
        return cls(low, high + 1, None if low == high else positions)

    def mask(self, prefix_mask: Bool[Tensor, "n t"] | None, device: torch.device) -> Bool[Tensor, "n 1 q k"] | None:
        """True where a query may look; None when the filled slots are exactly what it may see.

        ``allowed(i, j) = (j <= i and (j >= t or prefix_mask[j])) or i == j``
        """
        queries = self.end - self.first if self.uniform else 1
        if prefix_mask is None and self.uniform and queries == 1:
            return None
        if self.per_row is None:
            standing = torch.arange(self.first, self.end, device=device)[None, :, None]
        else:
            standing = self.per_row.to(device)[:, None, None]
        looked_at = torch.arange(self.end, device=device)
        allowed = looked_at <= standing
        if prefix_mask is not None:
            width = min(prefix_mask.shape[1], self.end)
            visible = torch.ones(len(prefix_mask), 1, self.end, dtype=torch.bool, device=device)
            visible[:, 0, :width] = prefix_mask[:, :width]
            allowed = (allowed & visible) | (looked_at == standing)
        return allowed[:, None]
