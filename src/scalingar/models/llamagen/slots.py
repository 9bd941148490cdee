"""Where the queries of one forward pass stand in a cache, and what each may look at."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.core.device.transfer import to_device

PrefixMask = Bool[Tensor, "n t"] | Float[Tensor, "n t"]
"""Which of ``t`` condition slots a row may see, or what is added to the scores of these slots."""


@dataclass(frozen=True)
class Slots:
    """Where the queries of one forward pass stand: one run of slots for all ``rows``, or one slot per row."""

    first: int
    end: int
    per_row: Int[Tensor, " n"] | None = None
    rows: slice = field(default_factory=lambda: slice(None))

    @property
    def uniform(self) -> bool:
        """Every row stands at the same slots."""
        return self.per_row is None

    @classmethod
    def at(cls, positions: Int[Tensor, " m"], rows: slice = slice(None)) -> "Slots":
        """One slot per row, from a CPU tensor; rows in step take the path without mask or scatter."""
        low, high = int(positions.min()), int(positions.max())
        return cls(low, high + 1, None if low == high else positions, rows)

    def split(self, worth: int) -> list["Slots"]:
        """Neighbouring rows that attention should read together, in order; ``self`` alone when all are in step.

        A row joins those before it unless that makes attention read more than ``worth`` unfilled slots.
        """
        if self.per_row is None:
            return [self]
        bounds, longest = [0], 0
        ends, counts = (t.tolist() for t in torch.unique_consecutive(self.per_row + 1, return_counts=True))
        row = 0
        for end, count in zip(ends, counts, strict=True):
            joined_end = max(longest, end)
            unfilled = (row - bounds[-1]) * (joined_end - longest) + count * (joined_end - end)
            if unfilled > worth and row > 0:
                bounds.append(row)
                joined_end = end
            longest, row = joined_end, row + count
        pairs = zip(bounds, [*bounds[1:], row], strict=True)
        return [Slots.at(self.per_row[low:high], slice(low, high)) for low, high in pairs]

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
            standing = to_device(self.per_row, device)[:, None, None]
        looked_at = torch.arange(self.end, device=device)
        allowed = looked_at <= standing
        if prefix_mask is None:
            return allowed[:, None]
        width = min(prefix_mask.shape[1], self.end)
        prefix = F.pad(prefix_mask[:, None, :width], (0, self.end - width), value=not prefix_mask.is_floating_point())
        if prefix_mask.is_floating_point():
            return prefix.masked_fill(~allowed, -torch.inf)[:, None]
        return ((allowed & prefix) | (looked_at == standing))[:, None]


@dataclass(frozen=True)
class Window:
    """Rows that attention reads in one call, up to the longest of them, and what is added to their scores."""

    slots: Slots
    mask: Float[Tensor, "m 1 q k"] | None
