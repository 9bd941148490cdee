"""The state of the trajectories being decoded, one row each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.core.device.captures import Captures
from scalingar.core.device.transfer import to_device
from scalingar.decoding.contracts import CacheT
from scalingar.decoding.frontier import Frontier
from scalingar.decoding.noise import Noise


@dataclass(kw_only=True)
class Trajectories(Frontier, Generic[CacheT]):
    """``n`` trajectories of a next-token model; a row may belong to any prompt. Its methods change it in place.

    ``prompts``: which prompt a row belongs to, ``(n,)`` on the CPU.
    ``indices``: which of that prompt's trajectories it is, ``(n,)`` on the CPU.
    ``codes``: ``(n, t)``, drawn from the left, zero where nothing is drawn yet.
    ``cache``: the same rows as ``logits``.
    ``states``: the hidden states that the conditional logits are computed from, fp32 ``(n, e)``, of a next-scale model
    the mean over the scale's tokens; None unless they were asked for at the start.
    """

    prompts: Int[Tensor, " n"]
    indices: Int[Tensor, " n"]
    codes: Int[Tensor, "n t"]
    cache: CacheT
    states: Float[Tensor, "n e"] | None = None

    @property
    def _captures(self) -> Captures | None:
        captures: Captures | None = getattr(self.cache, "captures", None)
        return captures

    @property
    def captured(self) -> bool:
        """See :class:`Frontier`."""
        return self._captures is not None

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
        """Bytes held by the live rows: cache, logits, codes, states and latents."""
        states = 0 if self.states is None else self.states.nbytes
        return self.cache.nbytes + self.logits.nbytes + self.codes.nbytes + states

    def codes_until(self, step: int) -> int:
        """How many codes the first ``step`` steps draw."""
        return step

    def fitting(self, rows: int) -> int:
        """How many rows a batch of ``rows`` trajectories should have: as many, unless its cache has sizes."""
        sizes = getattr(self.cache, "fitting", None)
        branches = len(self.branches)
        return rows if sizes is None else sizes(rows * branches) // branches

    def run(self, function: Callable[..., Any], *arguments: Tensor) -> Any:
        """See :class:`Frontier`."""
        return function(*arguments) if self._captures is None else self._captures(function, *arguments)

    @torch.inference_mode()
    def append(self, codes: Int[Tensor, " n"]) -> Self:
        """Record one code per row; the logits are stale until the model has run."""
        before = self.device_positions
        self.codes.scatter_(1, before[:, None], codes[:, None])
        self.positions = self.positions + 1
        if self.deferred:
            self._on_device = self.positions, before + 1
        return self

    def park(self, rows: list[int]) -> None:
        """Set unused rows back to their first code, so that the batch can be decoded with them in it.

        On a device only those at the end of their image: elsewhere they do no harm, and moving them costs a transfer.
        """
        if not self.deferred:
            self.positions[rows] = 1
        elif rows and bool((self.positions[rows] == self.total_steps).any()):
            self.positions = self.positions.clone()
            self.positions[rows] = 1

    @torch.inference_mode()
    def overwrite(self, rows: Int[Tensor, " m"], fresh: Self) -> Self:
        """Replace ``rows`` (CPU) by those of ``fresh``."""
        self.prompts[rows], self.indices[rows] = fresh.prompts, fresh.indices
        self.positions = self.positions.index_put((rows,), fresh.positions)
        on_device = to_device(rows, self.codes.device)
        self.codes[on_device] = fresh.codes
        branches = self._rows_of(on_device)
        self.logits[branches] = fresh.logits
        if self.states is not None and fresh.states is not None:
            self.states = self.states.index_put((on_device,), fresh.states)
        self.cache.overwrite(branches, fresh.cache)
        self.noise = self.noise.overwrite(rows, fresh.noise)
        return self

    @torch.inference_mode()
    def select(self, rows: Int[Tensor, " m"], idle: int = 0) -> Self:
        """The given rows (CPU), in the given order. Repeats fork a trajectory; copies have their own noise.

        ``idle``: how many rows that no trajectory has to append, copies of the first.
        """
        if not idle and len(rows) == len(self) and bool((rows == torch.arange(len(self))).all()):
            return self
        self.noise = self.noise.select(rows)
        for _ in range(idle):
            self.noise = self.noise.join(self.noise.select(torch.tensor([0])))
        rows = torch.cat([rows, rows[:1].expand(idle)])
        on_device = to_device(rows, self.codes.device)
        branches = self._rows_of(on_device)
        self.cache = self.cache.select(branches)
        return self._take(rows, on_device, branches)

    @torch.inference_mode()
    def copy(self, rows: Int[Tensor, " m"], noise: Noise) -> Self:
        """A new batch of the given rows (CPU) with other noise; this one is unchanged."""
        on_device = to_device(rows, self.codes.device)
        branches = self._rows_of(on_device)
        cache = self.cache.copy(branches)
        return replace(self, cache=cache, noise=noise)._take(rows, on_device, branches)

    @torch.inference_mode()
    def join(self, other: Self) -> Self:
        """These rows, then those of ``other``, which must not be used afterwards."""
        own, others = len(self.logits), len(other.logits)
        rows = torch.arange(own + others, device=self.codes.device)  # all branches of self, then all of other
        order = torch.cat([rows[:own].view(-1, len(self)), rows[own:].view(-1, len(other))], 1).flatten()
        self.cache = self.cache.join(other.cache, order)
        self.noise = self.noise.join(other.noise)
        self.logits = torch.cat([self.logits, other.logits]).index_select(0, order)
        for name in self._per_row():
            setattr(self, name, torch.cat([getattr(self, name), getattr(other, name)]))
        return self

    def _take(self, rows: Int[Tensor, " m"], on_device: Int[Tensor, " m"], branches: Int[Tensor, " b"]) -> Self:
        """``rows`` on the CPU and on the device of the codes, and there the rows of all branches."""
        self.logits = self.logits.index_select(0, branches)
        for name in self._per_row():
            tensor: Tensor = getattr(self, name)
            setattr(self, name, tensor.index_select(0, rows if tensor.device == rows.device else on_device))
        return self

    def _per_row(self) -> tuple[str, ...]:
        """Tensors with one entry per row and no branches."""
        states = () if self.states is None else ("states",)
        return ("prompts", "indices", "positions", "codes", *states)


@dataclass(kw_only=True)
class ScaleTrajectories(Trajectories[CacheT]):
    """``n`` trajectories of a next-scale model, all at the same scale.

    ``ends``: end of each scale in ``codes``.
    ``latent``: ``(n, d, h, w)``, the tokenizer's sum over the scales so far.
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
        """Record the codes of one scale; the latents are stale until the tokenizer has added them."""
        step = int(self.positions[0])
        self.codes[:, self.codes_until(step) : self.codes_until(step + 1)] = codes.flatten(1)
        self.positions = self.positions + 1
        return self

    def _per_row(self) -> tuple[str, ...]:
        return (*super()._per_row(), "latent")
