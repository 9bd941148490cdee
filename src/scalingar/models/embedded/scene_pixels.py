"""Pictures of the embedded world as its networks read them."""

from collections.abc import Iterator, Sequence

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.core.pixels import levels

BATCH = 32


def scene_batches(images: Sequence[Image.Image], side: int, reader: str) -> Iterator[Float[Tensor, "n 3 side side"]]:
    """RGB in [-1, 1], a batch after the other.

    Raises:
        ConfigError: a picture is not ``side`` pixels wide and high: of other scenes ``reader`` knows nothing.
    """
    for place, image in enumerate(images):
        if image.size != (side, side):
            raise ConfigError(
                f"image {place} is {image.width} x {image.height} pixels; {reader} knows only the {side} x {side} "
                "scenes of the embedded model."
            )
    for start in range(0, len(images), BATCH):
        yield levels(images[start : start + BATCH]) / 127.5 - 1
