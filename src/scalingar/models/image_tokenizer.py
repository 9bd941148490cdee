"""What turns an image's codes into pixels, whichever model they came from."""

from typing import Protocol

from jaxtyping import Float, Int
from torch import Tensor


class ImageTokenizer(Protocol):
    """The decoding half of an image tokenizer: see :class:`scalingar.models.vq.VQTokenizer`."""

    @property
    def downsample(self) -> int:
        """Pixels per code along each axis."""
        ...

    def decode(self, codes: Int[Tensor, "n t"], grid: tuple[int, int]) -> Float[Tensor, "n 3 H W"]:
        """RGB of a grid of codes on any device, nominally in [-1, 1], unclamped; ``grid`` is ``(h, w)``."""
        ...
