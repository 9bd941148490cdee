"""The next step of the rows being decoded: where they stand, its logits, and their noise."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.device.transfer import to_device
from scalingar.decoding.noise import Noise
from scalingar.profile.statistics.guidance import Scale


@dataclass(kw_only=True)
class Frontier:
    """What a draw and its statistics read of ``n`` rows; they may be some of a batch.

    ``positions``: steps made so far, ``(n,)`` on the CPU.
    ``logits``: raw fp32 logits of the next step, ``(b, v)`` or ``(b, l, g, v)`` for ``l`` tokens of ``g`` codes; ``b``
    is ``n`` times the branches: conditional rows, with guidance unconditional ones, then those of a second prompt.
    """

    positions: Int[Tensor, " n"]
    logits: Float[Tensor, "b *l v"]
    noise: Noise
    _on_device: tuple[Tensor, Tensor] | None = field(default=None, init=False, repr=False)
    """Positions and their copy on the device."""
    _sent: tuple[np.ndarray, Tensor] | None = field(default=None, init=False, repr=False)
    """The last numbers per row, and their copy on the device."""

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def branches(self) -> Float[Tensor, "c n *l v"]:
        """The logits branch by branch: conditional, with guidance unconditional, and a second prompt's."""
        return self.logits.view(-1, len(self), *self.logits.shape[1:])

    @property
    def captured(self) -> bool:
        """Steps are captured functions, of tensors on the device alone."""
        return False

    @property
    def deferred(self) -> bool:
        """Steps are computed on a device that the host should not wait for, or as if they were."""
        return self.captured or not self.logits.is_cpu

    @property
    def device_positions(self) -> Int[Tensor, " n"]:
        """``positions`` where the logits are."""
        if self._on_device is None or self._on_device[0] is not self.positions:
            self._on_device = self.positions, to_device(self.positions, self.logits.device)
        return self._on_device[1]

    def part(self, rows: Int[Tensor, " m"]) -> "Frontier":
        """That of some rows (CPU), none of them twice; nothing of it is captured."""
        branches = self._rows_of(to_device(rows, self.logits.device))
        logits = self.logits.index_select(0, branches)
        return Frontier(positions=self.positions[rows], logits=logits, noise=self.noise.select(rows))

    def run(self, function: Callable[..., Any], *arguments: Tensor) -> Any:
        """``function(*arguments)``, as a CUDA graph where the batch has such: its results live until the next call."""
        return function(*arguments)

    def per_row(self, values: Scale) -> Float[Tensor, "*p n"]:
        """One number, or those of each row, in fp32 where the logits are; numbers that are there are not sent again."""
        numbers = np.broadcast_to(np.asarray(values, np.float32), (*np.shape(values)[:-1], len(self)))
        if self._sent is None or not np.array_equal(self._sent[0], numbers):
            self._sent = numbers.copy(), to_device(torch.from_numpy(numbers.copy()), self.logits.device)
        return self._sent[1]

    def scale_for(self, scale: Scale) -> float | Float[Tensor, "*p n"]:
        """Guidance scales as ``guide`` takes them: one number, or those of each row."""
        return scale if isinstance(scale, float) else self.per_row(scale)

    def _rows_of(self, rows: Int[Tensor, " m"]) -> Int[Tensor, " b"]:
        """Rows of all branches in the logits."""
        return torch.cat([rows + first for first in range(0, len(self.logits), len(self))])
