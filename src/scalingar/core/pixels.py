"""Conversion between a model's pixels, 8-bit images, PNG files and network inputs."""

import io
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor


def rounded(picture: Float[Tensor, "3 h w"]) -> Image.Image:
    """RGB in [-1, 1] to 8 bits: ``trunc(127.5 x + 128)``, clamped, as LlamaGen rounds."""
    return all_rounded(picture[None])[0]


def all_rounded(pictures: Float[Tensor, "n 3 h w"]) -> list[Image.Image]:
    """:func:`rounded`, of several on any device, where they become 8-bit before they cross to the host together."""
    return from_levels((pictures * 127.5 + 128.0).clamp(0, 255).to(torch.uint8))


def from_levels(pictures: UInt8[Tensor, "n 3 h w"]) -> list[Image.Image]:
    """An image from each picture of 8 bits, in one transfer."""
    return [Image.fromarray(image) for image in pictures.permute(0, 2, 3, 1).cpu().numpy()]


def levels(images: Sequence[Image.Image]) -> Float[Tensor, "n 3 h w"]:
    """RGB of images of one size, fp32 in 0 to 255, channels last in memory."""
    rgb = np.stack([np.asarray(image.convert("RGB")) for image in images])
    return torch.from_numpy(rgb).permute(0, 3, 1, 2).float()


def standardised(
    levels: Float[Tensor, "n 3 h w"], mean: tuple[float, ...], std: tuple[float, ...]
) -> Float[Tensor, "n 3 h w"]:
    """``(levels / 255 - mean) / std`` per channel."""
    centre, spread = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
    return (levels / 255 - centre) / spread


def png_bytes(image: Image.Image) -> bytes:
    """The image as PNG bytes, with its recipe if it has one."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
