"""Pictures as CLIP and its relatives were trained to see them."""

from collections.abc import Callable, Sequence

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.pixels import levels, standardised

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Per channel, of the pictures CLIP was trained on."""


def cropped(image: Image.Image, side: int, *, centre: Callable[[float], int] = round) -> Image.Image:
    """Short side to ``side`` pixels (bicubic), then the square in the middle; the rest is not seen.

    ``centre`` rounds half a pixel: torchvision and OpenAI to even, transformers (``math.floor``) down.
    """
    width, height = image.size
    short = min(width, height)
    resized = _resized(image, int(side * width / short), int(side * height / short))
    left, top = centre((resized.width - side) / 2), centre((resized.height - side) / 2)
    return resized.crop((left, top, left + side, top + side))


def padded(image: Image.Image, side: int) -> Image.Image:
    """Long side to ``side`` pixels (bicubic), and black on both ends of the short one, as HPSv2 has it."""
    scale = side / max(image.size)
    # A picture thinner than a pixel would vanish.
    resized = _resized(image, *(max(1, round(length * scale)) for length in image.size))
    canvas = Image.new("RGB", (side, side))
    canvas.paste(resized, ((side - resized.width) // 2, (side - resized.height) // 2))
    return canvas


def _resized(image: Image.Image, width: int, height: int) -> Image.Image:
    # RGB first: Pillow does not interpolate palettes.
    return image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)


def normalised(images: Sequence[Image.Image]) -> Float[Tensor, "n 3 h w"]:
    """Pictures of one size as fp32, minus CLIP's mean, over its deviation."""
    return standardised(levels(images).contiguous(), MEAN, STD)
