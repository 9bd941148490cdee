"""The event of one step of one image."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StepEvent:
    """What happened to one image's trajectories in a step, for progress bars, callbacks and live views."""

    prompt: int
    """Number of the image in the call."""
    position: int
    """Index of the step: of a code, or of a scale."""
    total_steps: int
    indices: list[int]
    """Trajectories live before the step."""
    cut: dict[int, str]
    """Trajectories cut in it, with the reason."""
    read: Callable[[], dict[str, NDArray[np.float32]]] = field(repr=False)
    """Gives ``values``."""

    @cached_property
    def values(self) -> dict[str, NDArray[np.float32]]:
        """The step's trace, one value per entry of ``indices``, NaN if missing. Waits for the device."""
        return self.read()
