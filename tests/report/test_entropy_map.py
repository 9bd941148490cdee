import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from scalingar.report.entropy_map import entropy_map
from scalingar.report.figure import png_bytes
from tests.tiny.package import candidate

IMAGE = Image.new("RGB", (16, 16), "red")


def test_cells_are_in_reading_order_from_the_upper_left() -> None:
    one = candidate(0)
    figure = entropy_map(one, IMAGE, (2, 8))
    shown = figure.axes[1].images[0]
    assert_array_equal(np.asarray(shown.get_array()), one.trace["entropy"].reshape(2, 8))
    assert figure.axes[1].yaxis_inverted()
    assert shown.get_clim()[0] == 0.0


def test_the_image_stands_beside_it() -> None:
    figure = entropy_map(candidate(0), IMAGE, (4, 4))
    assert_array_equal(np.asarray(figure.axes[0].images[0].get_array()), np.asarray(IMAGE))
    assert png_bytes(figure).startswith(b"\x89PNG")


def test_a_trajectory_that_was_cut_has_no_map() -> None:
    with pytest.raises(ValueError, match="5 entropies do not fill a grid of 4 x 4"):
        entropy_map(candidate(0, steps=5, reason="cut"), IMAGE, (4, 4))
