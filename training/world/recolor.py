"""Paint a drawing in one of the ten colours of the world, keeping its shading."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RAMPS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]] = {
    # dark, middle and light tone (sRGB). The middle gives the colour its name. The light tones of red and purple are
    # saturated, so that they do not look pink, and so is the dark tone of orange, so that it does not look brown.
    "red": ((92, 4, 10), (216, 22, 30), (255, 118, 104)),
    "orange": ((150, 52, 0), (250, 118, 4), (255, 188, 110)),
    "yellow": ((166, 126, 0), (252, 216, 20), (255, 248, 160)),
    "green": ((4, 58, 18), (32, 152, 58), (146, 228, 140)),
    "blue": ((4, 18, 96), (28, 88, 226), (140, 190, 255)),
    "purple": ((42, 8, 84), (122, 42, 188), (202, 150, 244)),
    "pink": ((168, 26, 104), (250, 120, 186), (255, 214, 234)),
    "brown": ((38, 18, 6), (118, 68, 34), (190, 144, 104)),
    "black": ((10, 10, 11), (36, 36, 40), (80, 80, 86)),
    "white": ((190, 190, 196), (232, 232, 236), (255, 255, 255)),
}

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
SOLID = 128  # alpha from which a pixel counts for the drawing's range of luminance
ROBUST = (2, 50, 98)  # percentiles used as the drawing's darkest, typical and lightest tone
LEAST_RANGE = 40.0  # smaller ranges are not stretched further, which would only amplify noise
GAMMA = (0.5, 2.0)  # limits of the exponent that moves the typical tone to the middle of the ramp


def recolor(rgba: NDArray[np.uint8], color: str) -> NDArray[np.uint8]:
    """The drawing (h, w, 4) uint8 in shades of ``color``; alpha unchanged.

    Luminance is mapped onto a dark-middle-light ramp of the colour.  Raises ValueError for a
    colour without a ramp and for an array of another shape or type.
    """
    if color not in RAMPS:
        raise ValueError(f"No ramp for the color {color!r}; choose from {', '.join(RAMPS)}.")
    if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != np.uint8:
        raise ValueError(f"Expected (h, w, 4) uint8, got {rgba.shape} {rgba.dtype}.")
    tone = _tone(rgba)
    stops = np.array(RAMPS[color], dtype=np.float64)
    shades = [np.interp(tone, (0.0, 0.5, 1.0), stops[:, channel]) for channel in range(3)]
    painted = np.rint(np.stack(shades, axis=-1)).astype(np.uint8)
    return np.concatenate([painted, rgba[..., 3:]], axis=-1)


def _tone(rgba: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Luminance stretched to the drawing's own range, (h, w) in [0, 1], typical tone near 1/2."""
    luminance = rgba[..., :3] @ LUMA
    solid = rgba[..., 3] >= SOLID
    if not solid.any():
        return np.full(luminance.shape, 0.5)
    low, typical, high = np.percentile(luminance[solid], ROBUST)
    slack = max(0.0, LEAST_RANGE - (high - low)) / 2
    low, high = low - slack, high + slack
    tone = np.clip((luminance - low) / (high - low), 0.0, 1.0)
    middle = np.clip((typical - low) / (high - low), 1e-3, 1 - 1e-3)
    # Without the exponent a mostly dark or mostly light drawing would use only one end of the ramp.
    return np.asarray(tone ** np.clip(np.log(0.5) / np.log(middle), *GAMMA))
