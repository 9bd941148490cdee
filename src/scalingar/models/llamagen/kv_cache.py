"""The key-value cache as an explicit object: one row per branch of a trajectory."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.core.device.transfer import to_device
from scalingar.models.attention import attention
from scalingar.models.llamagen.slots import PrefixMask, Slots, Window

WORTH_A_CALL = 2**19
"""Bytes of unfilled slots that attention may read to save another call; timed on one core."""


@dataclass
class KVCache:
    """Keys and values of every layer for ``n`` rows and up to ``s`` slots.

    ``layers[i]``: ``(2, n, heads, s, head_dim)``, keys and values, filled from slot 0 upward and written in place.
    ``prefix_mask``: which condition slots a row may see, or None when all of them. A collapsed prefix has numbers
    there instead of truth values, to be added to the scores.
    """

    layers: list[Float[Tensor, "2 n h s d"]]
    prefix_mask: PrefixMask | None = None

    @property
    def keys(self) -> list[Float[Tensor, "n h s d"]]:
        """Of every layer; views."""
        return [layer[0] for layer in self.layers]

    @property
    def values(self) -> list[Float[Tensor, "n h s d"]]:
        """Of every layer; views."""
        return [layer[1] for layer in self.layers]

    @property
    def collapsed(self) -> bool:
        """One slot stands for the whole condition; see :meth:`collapse`."""
        return self.prefix_mask is not None and self.prefix_mask.is_floating_point()

    @property
    def rows(self) -> int:
        """Rows held."""
        return self.layers[0].shape[1]

    @property
    def slots(self) -> int:
        """Slots a row has, filled or not."""
        return self.layers[0].shape[3]

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values."""
        return len(self.layers) * self.layers[0].nbytes

    def select(self, rows: Int[Tensor, " m"]) -> "KVCache":
        """The given rows, in the given order; a row may repeat. This cache is spent: its layers are freed one by one,
        so that never more than one layer exists twice.
        """
        for index, layer in enumerate(self.layers):
            self._put(index, layer.index_select(1, rows))
        if self.prefix_mask is not None:
            self.prefix_mask = self.prefix_mask.index_select(0, rows)
        return self

    def copy(self, rows: Int[Tensor, " m"]) -> "KVCache":
        """The given rows as a cache of their own."""
        mask = None if self.prefix_mask is None else self.prefix_mask.index_select(0, rows)
        return KVCache([layer.index_select(1, rows) for layer in self.layers], mask)

    def keep(self) -> None:
        """Nothing to do: nothing is given up while rows live."""

    def rewind(self, fed: int) -> None:
        """Nothing to do: slots behind a row's position are never read before they are written again."""

    def fits(self, other: "KVCache") -> bool:
        """Rows may stand anywhere."""
        return True

    def join(self, other: "KVCache", order: Int[Tensor, " m"]) -> "KVCache":
        """Rows of both in ``order``; layer by layer, as :meth:`select`."""
        for index, layer in enumerate(self.layers):
            self._put(index, torch.cat([layer, other.layers[index]], 1).index_select(1, order))
        if self.prefix_mask is not None and other.prefix_mask is not None:
            self.prefix_mask = torch.cat([self.prefix_mask, other.prefix_mask]).index_select(0, order)
        return self

    @property
    def lockstep(self) -> bool:
        """A slot per row: rows may stand anywhere."""
        return False

    def overwrite(self, rows: Int[Tensor, " m"], fresh: "KVCache") -> None:
        """Overwrite ``rows`` with the rows of ``fresh``, a cache of the same model."""
        for mine, theirs in zip(self.layers, fresh.layers, strict=True):
            mine[:, rows] = theirs
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
        for index, (_, values) in enumerate(self.layers):
            mean = (values[:, :, :prefix].float().masked_fill(~valid[:, None, :, None], 0) * share).sum(2)
            shape = (2, *values.shape[:2], 1 + slots, values.shape[3])
            self.layers[index] = torch.zeros(shape, dtype=values.dtype, device=values.device)
            self.layers[index][1, :, :, 0] = mean
        return KVCache(self.layers, count.float().log()[:, None])

    def _put(self, index: int, layer: Float[Tensor, "2 m h s d"]) -> None:
        """Replace a layer, whose old memory is free."""
        self.layers[index] = layer

    def _valid(self, prefix: int) -> Bool[Tensor, "n t"]:
        if self.prefix_mask is None:
            return torch.ones(self.rows, prefix, dtype=torch.bool, device=self.layers[0].device)
        return self.prefix_mask.bool()

    def view(self, slots: Slots) -> "View":
        """What one forward pass sees when its queries stand at ``slots``; the same for every layer."""
        layer = self.layers[0]
        parts = [slots]
        if layer.device.type == "cpu":
            parts = slots.split(WORTH_A_CALL // layer[:, 0, :, 0].nbytes)
        masks = self.prefix_mask
        windows = [
            Window(part, _added(part.mask(None if masks is None else masks[part.rows], layer.device), layer.dtype))
            for part in parts
        ]
        own = None
        if slots.per_row is not None:
            own = torch.arange(self.rows, device=layer.device), to_device(slots.per_row, layer.device)
        return View(self, slots, own, windows)


@dataclass(frozen=True)
class View:
    """A cache as the queries of one forward pass see it: where they write, and what each of them reads.

    ``own``: rows and their slots, on the device, where each row has a slot of its own.
    """

    cache: KVCache
    slots: Slots
    own: tuple[Int[Tensor, " n"], Int[Tensor, " n"]] | None
    windows: list[Window]

    @property
    def special(self) -> bool:
        """A compiler would make a program of its own for this: several windows, a full cache, or numbers that happen
        to be equal or 1.
        """
        slots, rows = self.slots, self.cache.rows
        return len(self.windows) > 1 or slots.end in {2, rows, rows + 1, self.cache.slots}

    def attend(self, layer: int, qkv: Float[Tensor, "3 n h q d"]) -> Float[Tensor, "n h q d"]:
        """Store keys and values, then let every row attend over its own window."""
        query, stored = qkv[0], self.cache.layers[layer]
        self._write(stored, qkv[1:])
        if len(self.windows) == 1:
            return self._read(stored, query, self.windows[0])
        parts = [(w, stored[:, w.slots.rows], query[w.slots.rows]) for w in self.windows]
        return torch.cat([self._read(rows, queries, window) for window, rows, queries in parts])

    def _write(self, stored: Float[Tensor, "2 n h s d"], new: Float[Tensor, "2 n h q d"]) -> None:
        if self.own is None:
            stored[:, :, :, self.slots.first : self.slots.end] = new
        else:
            rows, places = self.own
            stored[:, rows, :, places] = new[:, :, :, 0].transpose(0, 1)

    @staticmethod
    def _read(
        stored: Float[Tensor, "2 m h s d"], query: Float[Tensor, "m h q d"], window: Window
    ) -> Float[Tensor, "m h q d"]:
        keys, values = stored[:, :, :, : window.slots.end].unbind()
        return attention(query, keys, values, window.mask)


def _added(mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """The mask as what is added to the scores, which attention would otherwise make of it in every layer."""
    if mask is None or mask.is_floating_point():
        return mask
    return torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, -torch.inf)
