"""The key-value cache as an explicit object: one row per branch of a trajectory."""

from dataclasses import dataclass
from typing import Protocol, Self

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.models.slots import PrefixMask, Slots, Window

WORTH_A_CALL = 2**19
"""Bytes of keys and values that may be read in vain to save one more call of attention; timed on one core."""


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

    def windows(self, slots: Slots) -> list[Window]:
        """``slots`` as attention should read them, each part with its mask; the same for every layer."""
        row_bytes = self.keys[0][0, :, 0].nbytes + self.values[0][0, :, 0].nbytes
        device = self.keys[0].device
        parts = slots.split(WORTH_A_CALL // row_bytes) if device.type == "cpu" else [slots]
        masks = self.prefix_mask
        return [Window(part, part.mask(None if masks is None else masks[part.rows], device)) for part in parts]

    def attend(
        self,
        layer: int,
        query: Float[Tensor, "n h q d"],
        key: Float[Tensor, "n h q d"],
        value: Float[Tensor, "n h q d"],
        windows: list[Window],
    ) -> Float[Tensor, "n h q d"]:
        """Store ``key`` and ``value``, then let every row attend over its own window."""
        attended = []
        for window in windows:
            rows = window.slots.rows
            keys, values = self.write(layer, key[rows], value[rows], window.slots)
            attended.append(F.scaled_dot_product_attention(query[rows], keys, values, window.mask))
        return attended[0] if len(attended) == 1 else torch.cat(attended)

    def write(
        self,
        layer: int,
        key: Float[Tensor, "m h q d"],
        value: Float[Tensor, "m h q d"],
        slots: Slots,
    ) -> tuple[Float[Tensor, "m h k d"], Float[Tensor, "m h k d"]]:
        """Store at ``slots`` and return the filled part of these rows of the layer (views, no copy)."""
        keys, values = self.keys[layer][slots.rows], self.values[layer][slots.rows]
        if slots.uniform:
            first, last = slots.first, slots.end
            keys[:, :, first:last] = key
            values[:, :, first:last] = value
        else:
            at = torch.arange(keys.shape[0], device=keys.device)
            keys[at, :, slots.per_row] = key[:, :, 0]
            values[at, :, slots.per_row] = value[:, :, 0]
        return keys[:, :, : slots.end], values[:, :, : slots.end]
