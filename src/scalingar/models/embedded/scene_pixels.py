"""Images of the embedded world as input for its networks."""

from collections.abc import Iterator, Sequence

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.core.pixels import levels

BATCH = 32


def scene_batches(images: Sequence[Image.Image], side: int, reader: str) -> Iterator[Float[Tensor, "n 3 side side"]]:
    """Batches of RGB in [-1, 1].

    Raises:
        ConfigError: an image is not ``side`` x ``side``; ``reader`` names the network in the message.
    """
    for index, image in enumerate(images):
        if image.size != (side, side):
            name = getattr(image, "filename", "") or f"image {index}"
            raise ConfigError(
                f"{name} is {image.width} x {image.height} pixels; {reader} reads only the {side} x {side} "
                "scenes of the embedded model."
            )
    for start in range(0, len(images), BATCH):
        yield levels(images[start : start + BATCH]) / 127.5 - 1
