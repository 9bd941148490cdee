"""Where in the image the model was undecided."""

from matplotlib.figure import Figure
from PIL import Image

from scalingar.core.outputs import Candidate
from scalingar.report.figure import bare_axes, new_figure, own_style, show_picture, title
from scalingar.report.palette import INK, MUTED


@own_style
def entropy_map(candidate: Candidate, image: Image.Image, grid: tuple[int, int]) -> Figure:
    """A finished candidate's image beside the entropy H of Eq. (3), one cell of ``grid`` ``(h, w)`` per token.

    Those of a preview, which come before, are left out.

    Raises:
        ValueError: the candidate has not one entropy per cell.
    """
    entropy = candidate.trace["entropy"][-grid[0] * grid[1] :]
    if len(entropy) != grid[0] * grid[1]:
        raise ValueError(f"{len(entropy)} entropies do not fill a grid of {grid[0]} x {grid[1]}")
    figure = new_figure(9.2, 4.5)
    left, right = figure.subplots(1, 2)
    show_picture(left, image)
    title(left, candidate.prompt, 52)
    shown = right.imshow(entropy.reshape(grid), cmap="magma", interpolation="nearest", vmin=0.0)
    title(right, "entropy of each token")
    bar = figure.colorbar(shown, ax=right, shrink=0.9, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=MUTED, labelsize=9, length=0)
    bar.set_label("nats", color=INK, fontsize=9.5)
    bare_axes(right)
    return figure
