"""Image preprocessing of CLIP and related models."""

from collections.abc import Callable, Sequence

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.pixels import levels, rgb, standardised

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Per channel, of CLIP's training images."""


def cropped(image: Image.Image, side: int, *, centre: Callable[[float], int] = round) -> Image.Image:
    """Resize the short side to ``side`` pixels (bicubic) and crop the central square.

    ``centre`` rounds half a pixel: torchvision and OpenAI to even, transformers (``math.floor``) down.
    """
    width, height = image.size
    short = min(width, height)
    resized = _resized(image, int(side * width / short), int(side * height / short))
    left, top = centre((resized.width - side) / 2), centre((resized.height - side) / 2)
    return resized.crop((left, top, left + side, top + side))


def padded(image: Image.Image, side: int) -> Image.Image:
    """Resize the long side to ``side`` pixels (bicubic) and pad the short one with black, as HPSv2 does."""
    scale = side / max(image.size)
    # At least one pixel: very thin images would vanish.
    resized = _resized(image, *(max(1, round(length * scale)) for length in image.size))
    canvas = Image.new("RGB", (side, side))
    canvas.paste(resized, ((side - resized.width) // 2, (side - resized.height) // 2))
    return canvas


def _resized(image: Image.Image, width: int, height: int) -> Image.Image:
    # RGB first: Pillow does not interpolate palettes.
    return rgb(image).resize((width, height), Image.Resampling.BICUBIC)


def normalised(images: Sequence[Image.Image]) -> Float[Tensor, "n 3 h w"]:
    """Images of one size in fp32, standardised by CLIP's mean and deviation."""
    return standardised(levels(images).contiguous(), MEAN, STD)
