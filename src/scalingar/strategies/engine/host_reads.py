"""Numbers that a step computes on a device: collected, then brought to the host in one transfer."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Receive = Callable[[np.ndarray], None]


class HostReads:
    """fp32 tensors on their way to the host, each with the function that receives its values."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Tensor, Receive]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, values: Tensor, receive: Receive) -> None:
        """Call ``receive`` with the values at the next :meth:`flush`; the tensor must not change until then."""
        self._waiting.append((values, receive))

    def flush(self) -> None:
        """Bring all values to the host, waiting for the device once, and hand them out in the order they were added."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        flat = torch.cat([values.flatten() for values, _ in waiting]).cpu().numpy()
        first = 0
        for values, receive in waiting:
            end = first + values.numel()
            receive(flat[first:end].reshape(values.shape))
            first = end
