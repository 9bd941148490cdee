"""Prompts as token ids of both branches, for models that read text tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class PromptTokens:
    """Ids of ``p`` prompts, of any length; the unconditional ones may have other lengths."""

    conditional: Sequence[Int[Tensor, " _t"]]
    unconditional: Sequence[Int[Tensor, " _u"]]

    def batch(self, *, guided: bool) -> tuple[Int[Tensor, "b w"], Int[Tensor, " b"]]:
        """All rows, conditional before unconditional, left-padded, and the number of pads of each."""
        rows = [*self.conditional, *(self.unconditional if guided else ())]
        width = max(len(row) for row in rows)
        ids = torch.stack([torch.nn.functional.pad(row, (width - len(row), 0)) for row in rows])
        return ids, torch.tensor([width - len(row) for row in rows], device=ids.device)


def unpadded(ids: Int[Tensor, "p t"], mask: Bool[Tensor, "p t"] | None) -> list[Int[Tensor, " _t"]]:
    """The valid ids of each row, for padding on either side."""
    if mask is None:
        return list(ids)
    return [row[valid] for row, valid in zip(ids, mask.to(ids.device).bool(), strict=True)]
