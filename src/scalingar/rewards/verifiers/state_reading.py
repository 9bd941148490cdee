"""What a head that reads states has read of an image's live trajectories, row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import ConfigError
from scalingar.rewards.verifiers.state_head import StateHead


class StateReading:
    """A :class:`~scalingar.rewards.verifiers.reading.Reading`: the memory of ``n`` rows.

    Forks copy it, cut rows lose it.

    On the CPU the head runs row by row, since its sums over several rows are rounded by how many there are: so a value
    depends on the states of its own prefix alone, to the bit. The states are the model's: where it computes few rows by
    other kernels than many, their last digits differ with the rows, and values are compared with that in mind; see
    :data:`~scalingar.rewards.verifiers.state_head.VALUE_SCALE`.
    """

    def __init__(self, head: StateHead, rows: int) -> None:
        self.head = head
        device = head.places.device
        self.memory: Float[Tensor, "n m"] = head.start(rows, device)
        self.last: Int[Tensor, " n"] = torch.zeros(rows, dtype=torch.long, device=device)
        """The step of the last state that was read of each row."""

    def __len__(self) -> int:
        return len(self.memory)

    def reads(self, positions: Int[Tensor, " n"]) -> bool:
        """Whether the head reads the state of any row at these steps; they are on the CPU."""
        return bool(self.head.config.reads(positions).any())

    @torch.inference_mode()
    def read(self, states: Float[Tensor, "n d"], positions: Int[Tensor, " n"]) -> None:
        """Take in the states of the rows at these steps, as far as the head reads them. Raises ConfigError if they
        have another width.
        """
        if states.shape[1] != self.head.config.states:
            raise ConfigError(
                f"the verifier reads states of {self.head.config.states} numbers, and this model's have "
                f"{states.shape[1]}; train one for it with 'scalingar verifier train'."
            )
        states, positions = states.to(self.memory), to_device(positions, self.memory.device)
        due = self.head.config.reads(positions)
        read = self._by_row(self.head.read, self.memory, states, positions)
        self.memory = torch.where(due[:, None], read, self.memory)
        self.last = torch.where(due, positions, self.last)

    @torch.inference_mode()
    def values(
        self, positions: Int[Tensor, " n"] | None = None, codes: Callable[[], Sequence[Tensor]] | None = None
    ) -> Float[Tensor, " n"]:
        """v of every row's prefix up to the last state that was read of it, on the CPU."""
        return self._by_row(self.head.value, self.memory, self.last).cpu()

    def _by_row(self, run: Callable[..., Tensor], *columns: Tensor) -> Tensor:
        """What ``run`` makes of the rows of these columns; each is copied, so that all begin at the same alignment."""
        if self.memory.device.type != "cpu" or not len(self):
            return run(*columns)
        rows = zip(*(column.split(1) for column in columns), strict=True)
        return torch.cat([run(*(part.clone() for part in row)) for row in rows])

    def select(self, rows: Int[Tensor, " m"]) -> None:
        """The given rows, in the given order, repeats allowed; -1 is a row of which nothing is read."""
        fresh = StateReading(self.head, 1)
        rows = to_device(rows, self.memory.device)
        self.memory = torch.cat([self.memory, fresh.memory])[rows]
        self.last = torch.cat([self.last, fresh.last])[rows]
