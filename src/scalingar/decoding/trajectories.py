"""The live batch: everything that belongs to the trajectories being decoded, one row each."""

from dataclasses import dataclass, replace
from typing import Generic, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.decoding.contracts import CacheT
from scalingar.decoding.noise import Noise


@dataclass
class Trajectories(Generic[CacheT]):
    """``n`` trajectories of a next-token model; a row may belong to any prompt. Its methods change it in place.

    ``prompts``: which prompt a row belongs to, ``(n,)`` on the CPU.
    ``indices``: which of that prompt's trajectories it is, ``(n,)`` on the CPU.
    ``positions``: steps made so far, ``(n,)`` on the CPU.
    ``codes``: ``(n, t)``, drawn from the left, zero where nothing is drawn yet.
    ``logits``: raw fp32 logits of the next step, ``(b, v)`` or ``(b, l, g, v)`` for ``l`` tokens of ``g`` codes; ``b``
    is ``n``, or ``2 n`` with guidance (conditional rows, then unconditional ones).
    ``cache``: as many rows, in the same order.
    """

    prompts: Int[Tensor, " n"]
    indices: Int[Tensor, " n"]
    positions: Int[Tensor, " n"]
    codes: Int[Tensor, "n t"]
    logits: Float[Tensor, "b *l v"]
    cache: CacheT
    noise: Noise

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
        return self.codes.shape[1]

    @property
    def finished(self) -> Bool[Tensor, " n"]:
        """Rows whose image is complete, on the CPU."""
        return self.positions == self.total_steps

    @property
    def nbytes(self) -> int:
        """Bytes held by the live rows: cache, logits, codes and latents."""
        return self.cache.nbytes + self.logits.nbytes + self.codes.nbytes

    def codes_until(self, step: int) -> int:
        """How many codes the first ``step`` steps draw."""
        return step

    @torch.inference_mode()
    def append(self, codes: Int[Tensor, " n"]) -> Self:
        """One more code per row; the logits are those before it until the model has run."""
        self.codes.scatter_(1, self.positions.to(codes.device)[:, None], codes[:, None])
        self.positions = self.positions + 1
        return self

    def park(self, rows: list[int]) -> None:
        """Set rows that nobody decodes back to their first code, so that the batch can go on with them."""
        self.positions[rows] = 1

    @torch.inference_mode()
    def place(self, rows: Int[Tensor, " m"], fresh: Self) -> Self:
        """Rows ``rows`` (CPU) are written over with those of ``fresh``."""
        self.prompts[rows], self.indices[rows] = fresh.prompts, fresh.indices
        self.positions[rows] = fresh.positions
        on_device = rows.to(self.codes.device)
        self.codes[on_device] = fresh.codes
        branches = self._rows_of(on_device)
        self.logits[branches] = fresh.logits
        self.cache.place(branches, fresh.cache)
        self.noise = self.noise.place(rows, fresh.noise)
        return self

    @torch.inference_mode()
    def select(self, rows: Int[Tensor, " m"]) -> Self:
        """The given rows (CPU), in the given order. Repeats fork a trajectory; its copies draw noise of their own.

        The cache is released layer by layer while the new one is made.
        """
        if len(rows) == len(self) and bool((rows == torch.arange(len(self))).all()):
            return self
        self.cache = self.cache.select(self._rows_of(rows.to(self.codes.device)))
        self.noise = self.noise.select(rows)
        return self._take(rows)

    @torch.inference_mode()
    def copy(self, rows: Int[Tensor, " m"], noise: Noise) -> Self:
        """The given rows (CPU) as a batch of their own, with other noise; this one stays as it is."""
        cache = self.cache.copy(self._rows_of(rows.to(self.codes.device)))
        return replace(self, cache=cache, noise=noise)._take(rows)

    @torch.inference_mode()
    def join(self, other: Self) -> Self:
        """These rows, then those of ``other``, which is spent."""
        mine, theirs = len(self), len(other)
        rows = torch.arange(mine + theirs, device=self.codes.device)
        order = torch.cat([rows[:mine], mine + rows[:theirs]])
        if self.guided:  # both branches of self stand before both of other
            order = torch.where(rows < mine, rows, rows + mine)
            order = torch.cat([order, torch.where(rows < mine, rows + mine, rows + mine + theirs)])
        self.cache = self.cache.join(other.cache, order)
        self.noise = self.noise.join(other.noise)
        self.logits = torch.cat([self.logits, other.logits])[order]
        for name in self._per_row():
            setattr(self, name, torch.cat([getattr(self, name), getattr(other, name)]))
        return self

    def _take(self, rows: Int[Tensor, " m"]) -> Self:
        self.logits = self.logits[self._rows_of(rows.to(self.codes.device))]
        for name in self._per_row():
            tensor: Tensor = getattr(self, name)
            setattr(self, name, tensor[rows.to(tensor.device)])
        return self

    def _per_row(self) -> tuple[str, ...]:
        """Tensors with one entry per row and no branches."""
        return ("prompts", "indices", "positions", "codes")

    def _rows_of(self, rows: Int[Tensor, " m"]) -> Int[Tensor, " b"]:
        """Where the branches of some trajectories stand in logits and cache."""
        return torch.cat([rows, rows + len(self)]) if self.guided else rows


@dataclass
class ScaleTrajectories(Trajectories[CacheT]):
    """``n`` trajectories of a next-scale model, all at the same scale: a step draws all codes of a scale.

    ``ends``: where in ``codes`` each step ends.
    ``latent``: ``(n, d, h, w)``, what the codes so far add up to in the tokenizer.
    """

    ends: tuple[int, ...]
    latent: Float[Tensor, "n d h w"]

    @property
    def total_steps(self) -> int:
        """Scales of a finished image."""
        return len(self.ends)

    @property
    def nbytes(self) -> int:
        """With the latents."""
        return super().nbytes + self.latent.nbytes

    def codes_until(self, step: int) -> int:
        """How many codes the first ``step`` scales have."""
        return (0, *self.ends)[step]

    @torch.inference_mode()
    def append(self, codes: Int[Tensor, "n l g"]) -> Self:
        """The codes of one more scale; the latents are those before it until the tokenizer has added them."""
        step = int(self.positions[0])
        self.codes[:, self.codes_until(step) : self.codes_until(step + 1)] = codes.flatten(1)
        self.positions = self.positions + 1
        return self

    def _per_row(self) -> tuple[str, ...]:
        return (*super()._per_row(), "latent")
