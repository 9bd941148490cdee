"""A user's own matplotlib settings, which reach into no figure of this package."""

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from PIL import Image

import scalingar
from scalingar.core.outputs import PromptResult
from scalingar.report import confidence_plot, entropy_map, figure
from tests.tiny.package import result

SOURCES = Path(scalingar.__file__).parent
HOSTILE: Any = {
    "text.usetex": True,
    "savefig.bbox": "tight",
    "savefig.facecolor": "black",
    "savefig.dpi": 7,
    "font.size": 40.0,
    "font.family": ["no such font"],
    "axes.grid": True,
    "axes.facecolor": "red",
    "axes.prop_cycle": cycler(color=["pink"]),
    "image.cmap": "jet",
    "image.origin": "lower",
    "path.effects": [],
    "lines.linewidth": 9.0,
    "axes.xmargin": 0.4,
    "figure.constrained_layout.use": False,
}


def drawn(shown: PromptResult) -> list[bytes]:
    best = shown.best
    grid = (4, len(best.trace["entropy"]) // 4)
    return [
        figure.png_bytes(confidence_plot(shown)),
        figure.png_bytes(entropy_map(best, Image.new("RGB", (8, 8)), grid)),
    ]


def test_settings_of_a_user_change_no_figure_and_stay() -> None:
    shown = result()
    shown.best.trace["entropy"] = np.linspace(0, 1, len(shown.best.trace["C"]), dtype=np.float32)
    plain = drawn(shown)
    with mpl.rc_context(HOSTILE):
        before = dict(mpl.rcParams)
        assert drawn(shown) == plain
        assert dict(mpl.rcParams) == before


def test_whatever_draws_has_the_packages_style() -> None:
    makers = 0
    for path in sorted(SOURCES.rglob("*.py")):
        source = path.read_text("utf-8")
        if "new_figure(" in source and path.name != "figure.py":
            made = re.findall(r"^(@own_style\n)?def \w+\((?:[^()]|\([^()]*\))*\) -> Figure:", source, re.MULTILINE)
            assert made, path
            assert all(made), f"{path}: a function that makes a figure is not under @own_style"
            makers += len(made)
    assert makers > 10
