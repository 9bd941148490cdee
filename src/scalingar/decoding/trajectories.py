"""The live batch: everything that belongs to the trajectories being decoded, one row each."""

from dataclasses import dataclass, replace
from typing import Generic

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.decoding.contracts import CacheT
from scalingar.decoding.noise import Noise


@dataclass(frozen=True)
class Trajectories(Generic[CacheT]):
    """``n`` trajectories; a row may belong to any prompt. A step draws one code, or with ``ends`` all those of a scale.

    ``prompts``: which prompt a row belongs to, ``(n,)`` on the CPU.
    ``indices``: which of that prompt's trajectories it is, ``(n,)`` on the CPU.
    ``positions``: steps made so far, ``(n,)`` on the CPU; with ``ends`` the same for all rows.
    ``codes``: ``(n, t)``, drawn from the left, zero where nothing is drawn yet.
    ``logits``: raw fp32 logits of the next step, ``(b, v)`` or ``(b, l, g, v)`` for ``l`` tokens of ``g`` codes; ``b``
    is ``n``, or ``2 n`` with guidance (conditional rows, then unconditional ones).
    ``cache``: as many rows, in the same order.
    ``ends``: where in ``codes`` each step ends; None: a step is a code.
    ``latent``: ``(n, d, h, w)``, what the codes so far add up to in a next-scale model's tokenizer; else None.
    """

    prompts: Int[Tensor, " n"]
    indices: Int[Tensor, " n"]
    positions: Int[Tensor, " n"]
    codes: Int[Tensor, "n t"]
    logits: Float[Tensor, "b *l v"]
    cache: CacheT
    noise: Noise
    ends: tuple[int, ...] | None = None
    latent: Float[Tensor, "n d h w"] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def guided(self) -> bool:
        """There is an unconditional branch."""
        return len(self.logits) > len(self)

    @property
    def branches(self) -> Float[Tensor, "c n *l v"]:
        """The logits branch by branch, conditional and, with guidance, unconditional ones."""
        return self.logits.view(-1, len(self), *self.logits.shape[1:])

    @property
    def conditional(self) -> Float[Tensor, "n *l v"]:
        """Logits that know the prompt."""
        return self.logits[: len(self)]

    @property
    def unconditional(self) -> Float[Tensor, "n *l v"] | None:
        """Logits that do not; None without guidance."""
        return self.logits[len(self) :] if self.guided else None

    @property
    def total_steps(self) -> int:
        """Steps of a finished image."""
        return self.codes.shape[1] if self.ends is None else len(self.ends)

    @property
    def finished(self) -> Bool[Tensor, " n"]:
        """Rows whose image is complete, on the CPU."""
        return self.positions == self.total_steps

    @property
    def nbytes(self) -> int:
        """Bytes held by the live rows: cache, logits, codes and latents."""
        latent = 0 if self.latent is None else self.latent.nbytes
        return self.cache.nbytes + self.logits.nbytes + self.codes.nbytes + latent

    def codes_until(self, step: int) -> int:
        """How many codes the first ``step`` steps draw."""
        return step if self.ends is None else (0, *self.ends)[step]

    @torch.inference_mode()
    def append(self, codes: Int[Tensor, " n"]) -> "Trajectories[CacheT]":
        """One more code per row, written in place; the logits are those before it until the model has run."""
        self.codes.scatter_(1, self.positions.to(codes.device)[:, None], codes[:, None])
        return replace(self, positions=self.positions + 1)

    @torch.inference_mode()
    def append_scale(self, codes: Int[Tensor, "n l g"], latent: Float[Tensor, "n d h w"]) -> "Trajectories[CacheT]":
        """The codes of one more scale, written in place, and the latent they lead to."""
        step = int(self.positions[0])
        self.codes[:, self.codes_until(step) : self.codes_until(step + 1)] = codes.flatten(1)
        return replace(self, positions=self.positions + 1, latent=latent)

    def park(self, rows: list[int]) -> None:
        """Set rows that nobody decodes back to their first code, so that the batch can go on with them."""
        self.positions[rows] = 1

    @torch.inference_mode()
    def place(self, rows: Int[Tensor, " m"], fresh: "Trajectories[CacheT]") -> "Trajectories[CacheT]":
        """The same batch with its rows ``rows`` (CPU) replaced by ``fresh``, written in place."""
        self.prompts[rows], self.indices[rows] = fresh.prompts, fresh.indices
        self.positions[rows] = fresh.positions
        on_device = rows.to(self.codes.device)
        self.codes[on_device] = fresh.codes
        branches = self._rows_of(on_device)
        self.logits[branches] = fresh.logits
        self.cache.place(branches, fresh.cache)
        return replace(self, noise=self.noise.place(rows, fresh.noise))

    @torch.inference_mode()
    def select(self, rows: Int[Tensor, " m"]) -> "Trajectories[CacheT]":
        """The given rows (CPU), in the given order. Repeats fork a trajectory; its copies draw noise of their own.

        This object is spent afterwards: its cache is released layer by layer while the new one is made.
        """
        if len(rows) == len(self) and bool((rows == torch.arange(len(self))).all()):
            return self
        on_device = rows.to(self.codes.device)
        branches = self._rows_of(on_device)
        return replace(
            self,
            prompts=self.prompts[rows],
            indices=self.indices[rows],
            positions=self.positions[rows],
            codes=self.codes[on_device],
            logits=self.logits[branches],
            cache=self.cache.select(branches),
            noise=self.noise.select(rows),
            latent=None if self.latent is None else self.latent[on_device],
        )

    def _rows_of(self, rows: Int[Tensor, " m"]) -> Int[Tensor, " b"]:
        """Where the branches of some trajectories stand in logits and cache."""
        return torch.cat([rows, rows + len(self)]) if self.guided else rows
