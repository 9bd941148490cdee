"""How a picture came about scale by scale, and how undecided the model was at each."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from scalingar.core.outputs import Candidate
from scalingar.report.figure import new_figure, own_style, quiet_axes, show_picture, title
from scalingar.report.palette import CHOSEN, INK, MUTED

_WIDTH, _NARROWEST = 1.3, 6.0
"""Inches of a picture, and of the whole figure at least."""


@own_style
def scale_strip(candidate: Candidate, images: Sequence[Image.Image], grids: Sequence[tuple[int, int]]) -> Figure:
    """A finished candidate's image after each scale, over the mean entropy H of Eq. (3) of the scale's codes.

    ``images``: one per scale. ``grids``: rows and columns of tokens of each.

    Raises:
        ValueError: there is not one image and one entropy for each scale.
    """
    entropy = candidate.trace["entropy"]
    if not len(entropy) == len(images) == len(grids):
        raise ValueError(f"{len(images)} images and {len(entropy)} entropies do not fit {len(grids)} scales")
    figure = new_figure(max(_WIDTH * len(images), _NARROWEST), 3.6)
    layout = figure.add_gridspec(2, len(images), height_ratios=(4, 5))
    for scale, (image, (height, width)) in enumerate(zip(images, grids, strict=True)):
        _picture(figure.add_subplot(layout[0, scale]), image, f"{height} x {width}")
    below = figure.add_subplot(layout[1, :])
    _curve(below, entropy)
    title(below, candidate.prompt)
    return figure


def _picture(axes: Axes, image: Image.Image, grid: str) -> None:
    show_picture(axes, image)
    axes.set_title(grid, fontsize=8.5, color=MUTED, pad=4)


def _curve(axes: Axes, entropy: np.ndarray) -> None:
    """A point under each picture."""
    quiet_axes(axes)
    axes.plot(entropy, color=CHOSEN, linewidth=1.6, marker="o", markersize=4)
    axes.set_xlim(-0.5, len(entropy) - 0.5)
    axes.set_ylim(0, max(1.15 * float(entropy.max()), 0.1))
    axes.set_xticks(range(len(entropy)))
    axes.set_xlabel("scale", color=INK, fontsize=9.5)
    axes.set_ylabel("entropy, nats per code", color=INK, fontsize=9.5)
