"""Prompts as token ids of two branches, for models that read text themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class PromptTokens:
    """What ``p`` prompts say, ``(t,)`` ids each, lengths as they come; the null branch may have lengths of its own."""

    conditional: Sequence[Int[Tensor, " _t"]]
    unconditional: Sequence[Int[Tensor, " _u"]]

    def batch(self, *, guided: bool) -> tuple[Int[Tensor, "b w"], Int[Tensor, " b"]]:
        """All rows, conditional before unconditional, aligned at their ends; and how many empty slots precede each."""
        rows = [*self.conditional, *(self.unconditional if guided else ())]
        width = max(len(row) for row in rows)
        ids = torch.stack([torch.nn.functional.pad(row, (width - len(row), 0)) for row in rows])
        return ids, torch.tensor([width - len(row) for row in rows], device=ids.device)


def unpadded(ids: Int[Tensor, "p t"], mask: Bool[Tensor, "p t"] | None) -> list[Int[Tensor, " _t"]]:
    """The valid ids of each row, whichever side the padding is on."""
    if mask is None:
        return list(ids)
    return [row[valid] for row, valid in zip(ids, mask.to(ids.device).bool(), strict=True)]
