"""Figures without matplotlib's global state."""

import io
import textwrap
import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from scalingar.core.pixels import DESCRIPTION
from scalingar.report.palette import BACKGROUND, INK, MUTED, RULE

DPI = 150
_TITLE_WIDTH = 88


P = ParamSpec("P")
T = TypeVar("T")


def own_style(draw: Callable[P, T]) -> Callable[P, T]:
    """Decorator for what draws: with matplotlib's defaults, whatever a user's own settings say, and only meanwhile."""

    @wraps(draw)
    def with_defaults(*arguments: P.args, **settings: P.kwargs) -> T:
        with warnings.catch_warnings(), matplotlib.rc_context():
            warnings.simplefilter("ignore", matplotlib.MatplotlibDeprecationWarning)
            matplotlib.rcdefaults()
            return draw(*arguments, **settings)

    return with_defaults


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    return figure


def title(axes: Axes, text: str, width: int = _TITLE_WIDTH) -> None:
    """A left-aligned title, as it is written: no dollar sign in a prompt starts a formula."""
    axes.set_title(
        textwrap.shorten(text, width, placeholder=" …"), loc="left", fontsize=10.5, color=INK, pad=8, parse_math=False
    )


def quiet_axes(axes: Axes) -> None:
    """Two thin spines, a faint horizontal grid, muted ticks."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.grid(axis="y", color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=9, length=0)


def doubling_axis(axes: Axes, label: str) -> None:
    """An x axis on which every doubling is as long, with plain numbers."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel(label, color=INK)


def show_picture(axes: Axes, image: Image.Image) -> None:
    """An image without ticks and spines."""
    axes.imshow(np.asarray(image), interpolation="nearest")
    bare_axes(axes)


def bare_axes(axes: Axes) -> None:
    """No ticks and no spines."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


@own_style
def png_bytes(figure: Figure, what: str | None = None) -> bytes:
    """The figure as a PNG file's content, ``what`` it shows in it; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a prompt may hold characters the font has not
        figure.savefig(buffer, format="png", metadata={"Software": None, DESCRIPTION: what})
    return buffer.getvalue()
