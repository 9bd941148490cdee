"""Degradations of a picture that leave its objects recognisable: blur, noise, JPEG, changed colours."""

import io

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter


def degrade(rng: Generator, picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture ``(h, w, 3)`` in [0, 1] with random degradations, as uint8."""
    if rng.random() < 0.6:
        picture = tint(rng, picture)
    if rng.random() < 0.35:
        picture = add_texture(rng, picture)
    image = Image.fromarray((picture.clip(0, 1) * 255 + 0.5).astype(np.uint8))
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.4)))
    if rng.random() < 0.15:
        small = int(image.width / rng.uniform(1.3, 2.6))
        image = image.resize((small, small), Image.Resampling.BILINEAR).resize(image.size, Image.Resampling.BICUBIC)
    if rng.random() < 0.35:
        image = recompress(rng, image)
    pixels = np.asarray(image)
    if rng.random() < 0.4:
        noise = rng.standard_normal(pixels.shape, dtype=np.float32) * rng.uniform(1, 12)
        pixels = (pixels + noise).clip(0, 255).astype(np.uint8)
    return pixels


def tint(rng: Generator, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Change brightness, contrast and saturation, but so little that colours keep their names."""
    gray = picture.mean(-1, keepdims=True)
    picture = gray + (picture - gray) * rng.uniform(0.75, 1.2)
    middle = picture.mean((0, 1))
    scale = rng.uniform(0.85, 1.15) * rng.uniform(0.96, 1.04, 3)
    return ((picture - middle) * scale + middle + rng.uniform(-0.05, 0.05)).astype(np.float32)


def add_texture(rng: Generator, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add fine texture to the objects, like the artefacts of a coarse tokenizer."""
    noise = gaussian_filter(rng.standard_normal(picture.shape), (*rng.uniform(0.6, 1.6, 2), 0.5))
    noise *= rng.uniform(0.02, 0.12) / noise.std()
    detail = np.abs(picture - np.median(picture, (0, 1))).sum(-1, keepdims=True).clip(0, 1)
    return (picture + noise * detail).astype(np.float32)


def recompress(rng: Generator, image: Image.Image) -> Image.Image:
    """The image compressed as JPEG with a random quality."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(rng.integers(25, 96)))
    return Image.open(buffer).convert("RGB")
