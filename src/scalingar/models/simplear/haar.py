"""The inverse Haar transform that ends Cosmos' video decoder, for the first frame."""

import torch
from jaxtyping import Float
from torch import Tensor


def last_frame(bands: Float[Tensor, "n c h w"], patch: int) -> Float[Tensor, "n 3 H W"]:
    """The last of the ``patch`` frames that a single frame of bands unfolds to; the others repeat it and are dropped.

    ``c`` = 3 ``patch``³. Each of log2 ``patch`` steps doubles time and both sides; rescaled as in the decoder, a step
    is sums and differences.
    """
    while patch > 1:
        bands = _unfolded(bands)
        patch //= 2
    return bands


def _unfolded(bands: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d H W"]:
    """One step. Channels hold low and high bands of time, then of rows, then of columns; the later frame is wanted."""
    time, rows, columns = 2, 2, 2
    split = bands.unflatten(1, (time, rows, columns, -1))
    later = split[:, 0] - split[:, 1]
    n, _, _, channels, height, width = later.shape
    by_row = torch.stack([later[:, 0] + later[:, 1], later[:, 0] - later[:, 1]], dim=4)  # n, columns, c, h, 2, w
    pixels = torch.stack([by_row[:, 0] + by_row[:, 1], by_row[:, 0] - by_row[:, 1]], dim=5)  # n, c, h, 2, w, 2
    return pixels.reshape(n, channels, 2 * height, 2 * width)
