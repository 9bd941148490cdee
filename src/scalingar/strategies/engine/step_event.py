"""The event of one step of one image."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scalingar.core.outputs import Candidate


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
    look: Callable[[], list[Candidate]] = field(repr=False)
    """Gives ``candidates``."""
    draw: Callable[[Candidate], Image.Image] = field(repr=False)
    """Makes a picture, and counts it."""

    @cached_property
    def values(self) -> dict[str, NDArray[np.float32]]:
        """The step's trace, one value per entry of ``indices``, NaN if missing. Waits for the device."""
        return self.read()

    @cached_property
    def candidates(self) -> list[Candidate]:
        """All trajectories of the image that have begun, by index: codes so far, parent and birth, and traces.

        Raises DecodingError once the image has gone on to its next step.
        """
        return self.look()

    def picture(self, candidate: Candidate) -> Image.Image:
        """What one of ``candidates`` looks like so far, what is missing grey or coarse; counted in the ledger."""
        return self.draw(candidate)
