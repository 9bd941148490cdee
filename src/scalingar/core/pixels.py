"""Conversion between a model's pixels, 8-bit images, PNG files and network inputs."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from scalingar.core.errors import ConfigError

_OPAQUE = 255


def rounded(picture: Float[Tensor, "3 h w"]) -> Image.Image:
    """RGB in [-1, 1] to 8 bits: ``trunc(127.5 x + 128)``, clamped, as LlamaGen rounds."""
    return all_rounded(picture[None])[0]


def all_rounded(pictures: Float[Tensor, "n 3 h w"]) -> list[Image.Image]:
    """:func:`rounded`, of several on any device, where they become 8-bit before they cross to the host together."""
    return from_levels((pictures * 127.5 + 128.0).clamp(0, 255).to(torch.uint8))


def from_levels(pictures: UInt8[Tensor, "n 3 h w"]) -> list[Image.Image]:
    """An image from each picture of 8 bits, in one transfer."""
    return [Image.fromarray(image) for image in pictures.permute(0, 2, 3, 1).cpu().numpy()]


def rgb(image: Image.Image) -> Image.Image:
    """RGB of 8 bits. Grey of 16 bits and floating numbers is scaled, where Pillow would clip it.

    Floating pictures are in [0, 1], integers of 16 and 32 bits in 0 to 65535.

    Raises:
        ConfigError: the numbers are in another range, or parts are transparent.
    """
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema()[0] != _OPAQUE:
        raise ConfigError(
            "a picture has transparent parts, of which nobody knows the colour; lay it on its background and save it "
            "without transparency."
        )
    if not image.mode.startswith(("I", "F")):
        return image.convert("RGB")
    numbers = np.asarray(image, dtype=np.float64)
    whole = 1.0 if image.mode == "F" else 65535.0
    # Numbers that fit into 8 bits could be meant either way, unless all are black.
    eight_bits = image.mode != "F" and 0 < numbers.max() <= _OPAQUE
    if eight_bits or not (np.isfinite(numbers).all() and numbers.min() >= 0 and numbers.max() <= whole):
        raise ConfigError(
            f"a picture of mode {image.mode} has numbers from {numbers.min():g} to {numbers.max():g}, which could mean "
            "anything; save it with 8 bits a channel."
        )
    return Image.fromarray(np.rint(numbers * (255 / whole)).astype(np.uint8)).convert("RGB")


def levels(images: Sequence[Image.Image]) -> Float[Tensor, "n 3 h w"]:
    """RGB of images of one size, fp32 in 0 to 255, channels last in memory."""
    pixels = np.stack([np.asarray(rgb(image)) for image in images])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float()


def standardised(
    levels: Float[Tensor, "n 3 h w"], mean: tuple[float, ...], std: tuple[float, ...]
) -> Float[Tensor, "n 3 h w"]:
    """``(levels / 255 - mean) / std`` per channel."""
    centre, spread = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
    return (levels / 255 - centre) / spread


def enlarged(image: Image.Image, factor: int) -> Image.Image:
    """The image with each pixel as a square of that side, without its recipe: it is not what was drawn."""
    plain = Image.frombytes(image.mode, image.size, image.tobytes())
    return plain.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


DESCRIPTION = "Description"
"""PNG's own keyword for what a picture shows."""


def png_bytes(image: Image.Image, what: str | None = None) -> bytes:
    """The image as PNG bytes, with its recipe if it has one, else with ``what`` it is as its description."""
    buffer = io.BytesIO()
    if what is None:
        image.save(buffer, "PNG")
    else:
        text = PngInfo()
        text.add_text(DESCRIPTION, what)
        image.save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()
