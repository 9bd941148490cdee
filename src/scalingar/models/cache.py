"""The key-value cache as an explicit object: one row per branch of a trajectory."""

from dataclasses import dataclass
from typing import Protocol, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

PrefixMask = Bool[Tensor, "n t"] | Float[Tensor, "n t"]
"""Which of ``t`` condition slots a row may see, or what is added to the scores of these slots."""


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

    @property
    def lockstep(self) -> bool:
        """All rows must stand at the same position, so no row can start while others are under way."""
        ...

    def select(self, rows: Int[Tensor, " m"]) -> Self:
        """The given rows, in the given order; a row may repeat. The old cache is spent."""
        ...

    def place(self, rows: Int[Tensor, " m"], fresh: Self) -> None:
        """Put the rows of ``fresh`` into the places ``rows``; never called where ``lockstep``."""
        ...


@dataclass
class KVCache:
    """Keys and values of every layer for ``n`` rows and up to ``s`` slots.

    ``keys[i]``, ``values[i]``: ``(n, heads, s, head_dim)``, filled from slot 0 upward and written in place.
    ``prefix_mask``: which condition slots a row may see, or None when all of them. A collapsed prefix has numbers
    there instead of truth values, to be added to the scores.
    """

    keys: list[Float[Tensor, "n h s d"]]
    values: list[Float[Tensor, "n h s d"]]
    prefix_mask: PrefixMask | None = None

    @property
    def collapsed(self) -> bool:
        """One slot stands for the whole condition; see :meth:`collapse`."""
        return self.prefix_mask is not None and self.prefix_mask.is_floating_point()

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

    @property
    def lockstep(self) -> bool:
        """A slot per row: rows may stand anywhere."""
        return False

    def place(self, rows: Int[Tensor, " m"], fresh: "KVCache") -> None:
        """Put the rows of ``fresh``, a cache of the same model, into the places ``rows``."""
        for mine, theirs in ((self.keys, fresh.keys), (self.values, fresh.values)):
            for layer, tensor in enumerate(mine):
                tensor[rows] = theirs[layer]
        if self.prefix_mask is not None and fresh.prefix_mask is not None:
            self.prefix_mask[rows] = fresh.prefix_mask

    def collapse(self, prefix: int, slots: int) -> "KVCache":
        """A cache of ``1 + slots`` slots whose first one stands for ``prefix`` condition slots with keys of zero.

        Every later query gives such keys the score 0, so all valid ones weigh the same: their mean value under the
        score ``ln(valid)`` has the same effect, up to rounding. This cache is spent, layer by layer.
        """
        valid = self._valid(prefix)
        count = valid.sum(1)
        share = (valid / count.clamp_min(1)[:, None])[:, None, :, None]
        for layer, values in enumerate(self.values):
            mean = (values[:, :, :prefix].float().masked_fill(~valid[:, None, :, None], 0) * share).sum(2)
            shape = (*values.shape[:2], 1 + slots, values.shape[3])
            self.keys[layer] = torch.zeros(shape, dtype=values.dtype, device=values.device)
            self.values[layer] = torch.zeros_like(self.keys[layer])
            self.values[layer][:, :, 0] = mean
        return KVCache(self.keys, self.values, count.float().log()[:, None])

    def _valid(self, prefix: int) -> Bool[Tensor, "n t"]:
        if self.prefix_mask is None:
            return torch.ones(self.rows, prefix, dtype=torch.bool, device=self.values[0].device)
        return self.prefix_mask.bool()

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

    def mask(
        self, prefix_mask: PrefixMask | None, device: torch.device
    ) -> Bool[Tensor, "n 1 q k"] | Float[Tensor, "n 1 q k"] | None:
        """True where a query may look; None when the filled slots are exactly what it may see.

        ``allowed(i, j) = (j <= i and (j >= t or prefix_mask[j])) or i == j``

        For a prefix mask of numbers: what to add to the scores, ``-inf`` where a query may not look.
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
        if prefix_mask is None:
            return allowed[:, None]
        width = min(prefix_mask.shape[1], self.end)
        prefix = torch.nn.functional.pad(
            prefix_mask[:, None, :width], (0, self.end - width), value=not prefix_mask.is_floating_point()
        )
        if prefix_mask.is_floating_point():
            return prefix.masked_fill(~allowed, -torch.inf)[:, None]
        return ((allowed & prefix) | (looked_at == standing))[:, None]
