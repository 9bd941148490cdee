"""COCO's run-length encoding of masks: alternating runs of 0 and 1 in column-major order, beginning with 0."""

from typing import Any

import numpy as np
from jaxtyping import Bool

from scalingar.core.errors import BenchmarkError

_BITS, _SIGN, _MORE, _OFFSET = 5, 0x10, 0x20, 48
"""The compressed form: five bits a character, least significant first; sign bit, continuation bit, first character."""


def decode_mask(encoded: dict[str, Any], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """The mask of ``{"size": [h, w], "counts": ...}``; counts are a list of runs or COCO's compressed string.

    ``size``: width and height of its picture, against which the mask's own claim is held.

    Raises:
        BenchmarkError: the runs do not fill the mask, or it is that of a picture of another size.
    """
    try:
        height, width = (int(side) for side in encoded["size"])
        counts = encoded["counts"]
        runs = np.array(decompress(counts) if isinstance(counts, str) else counts, dtype=np.int64)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BenchmarkError(f"a mask is no COCO run-length encoding ({type(error).__name__}: {error}).") from None
    if (width, height) != size:
        raise BenchmarkError(
            f"a mask is {width} x {height} pixels, its picture {size[0]} x {size[1]}; detect on the picture "
            "that is scored."
        )
    if runs.ndim != 1 or (runs > height * width).any() or (runs < 0).any() or runs.sum() != height * width:
        raise BenchmarkError(f"a mask's runs cover {runs.sum()} pixels, its size [{height}, {width}] {height * width}.")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def decompress(text: str) -> list[int]:
    """Runs of the compressed form, which from the fourth run on stores the difference to the run before the last.

    Raises:
        ValueError: a character that does not occur in it, or a number that is cut off.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - _OFFSET
        if not 0 <= code < 2 * _MORE:
            raise ValueError(f"{character!r} does not occur in compressed counts")
        value |= (code & (_MORE - 1)) << shift
        shift += _BITS
        if not code & _MORE:
            signed = value - (1 << shift) if code & _SIGN else value
            runs.append(signed + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("the last number is cut off")
    return runs
