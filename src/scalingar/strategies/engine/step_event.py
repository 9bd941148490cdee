"""What happened in a step, for those who watch a run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StepEvent:
    """What a step did to one image's trajectories, for progress bars, callbacks and live views."""

    prompt: int
    """Place of the image in the call."""
    position: int
    """Index of the step: of a code, or of a scale."""
    total_steps: int
    indices: list[int]
    """Trajectories that were alive before the step."""
    cut: dict[int, str]
    """Those given up in it, with the reason."""
    values: dict[str, NDArray[np.float32]]
    """The step's trace, one value per entry of ``indices``, NaN where there is none."""
