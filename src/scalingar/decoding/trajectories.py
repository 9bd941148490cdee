"""The live batch: everything that belongs to the trajectories being decoded, one row each."""

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.models.cache import Cache
from scalingar.noise import Noise

CacheT = TypeVar("CacheT", bound=Cache)


@dataclass(frozen=True)
class Trajectories(Generic[CacheT]):
    """``n`` trajectories; a row may belong to any prompt and stand at any position.

    ``prompts``: which prompt a row belongs to, ``(n,)`` on the CPU.
    ``indices``: which of that prompt's trajectories it is, ``(n,)`` on the CPU.
    ``positions``: codes drawn so far, ``(n,)`` on the CPU.
    ``codes``: ``(n, t)``, drawn from the left, zero where nothing is drawn yet.
    ``conditional``, ``unconditional``: raw fp32 logits of the next code, ``(n, v)``; the latter None without guidance.
    ``cache``: ``n`` rows, or ``2 n`` with guidance (conditional rows, then unconditional ones).
    """

    prompts: Int[Tensor, " n"]
    indices: Int[Tensor, " n"]
    positions: Int[Tensor, " n"]
    codes: Int[Tensor, "n t"]
    conditional: Float[Tensor, "n v"]
    unconditional: Float[Tensor, "n v"] | None
    cache: CacheT
    noise: Noise

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def guided(self) -> bool:
        """There is an unconditional branch."""
        return self.unconditional is not None

    @property
    def total_steps(self) -> int:
        """Codes of a finished image."""
        return self.codes.shape[1]

    @property
    def finished(self) -> Bool[Tensor, " n"]:
        """Rows whose image is complete, on the CPU."""
        return self.positions == self.total_steps

    @property
    def nbytes(self) -> int:
        """Bytes held by the live rows: cache, logits and codes."""
        logits = self.conditional.nbytes * (2 if self.guided else 1)
        return self.cache.nbytes + logits + self.codes.nbytes

    @torch.inference_mode()
    def append(self, codes: Int[Tensor, " n"]) -> "Trajectories[CacheT]":
        """One more code per row, written in place; the logits are those before it until the model has run."""
        self.codes.scatter_(1, self.positions.to(codes.device)[:, None], codes[:, None])
        return replace(self, positions=self.positions + 1)

    @torch.inference_mode()
    def select(self, rows: Int[Tensor, " m"]) -> "Trajectories[CacheT]":
        """The given rows (CPU), in the given order. Repeats fork a trajectory; its copies draw noise of their own.

        This object is spent afterwards: its cache is released layer by layer while the new one is made.
        """
        if len(rows) == len(self) and bool((rows == torch.arange(len(self))).all()):
            return self
        on_device = rows.to(self.codes.device)
        branches = torch.cat([on_device, on_device + len(self)]) if self.guided else on_device
        return replace(
            self,
            prompts=self.prompts[rows],
            indices=self.indices[rows],
            positions=self.positions[rows],
            codes=self.codes[on_device],
            conditional=self.conditional[on_device],
            unconditional=None if self.unconditional is None else self.unconditional[on_device],
            cache=self.cache.select(branches),
            noise=self.noise.select(rows),
        )
