"""What shows a run's candidates as pictures."""

from typing import Protocol

from PIL import Image
from torch import Tensor

from scalingar.core.decoding_kind import Decoding
from scalingar.core.outputs import Candidate


class Previewer(Protocol):
    """The pipeline, as far as its output needs it."""

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the weight files."""
        ...

    @property
    def decoding(self) -> Decoding:
        """How the model decodes."""
        ...

    @property
    def grids(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of tokens of each scale; of a next-token model the only one."""
        ...

    def preview(self, candidate: Candidate) -> Image.Image:
        """The candidate's image, complete or not."""
        ...

    def picture(self, codes: Tensor) -> Image.Image:
        """Of the first codes of one trajectory, ``(t,)`` or ``(t, g)``."""
        ...

    def progress(self, candidate: Candidate) -> list[Image.Image]:
        """What a next-scale model's candidate looked like after each scale."""
        ...
