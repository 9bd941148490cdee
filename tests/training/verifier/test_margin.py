"""Margins over prompts."""

import numpy as np

from training.verifier.margin import with_margin


def test_margins_by_hand() -> None:
    # deviation of the sample: sqrt(0.02 / 1); of the mean: sqrt(0.02 / 2) = 0.1
    assert with_margin(np.array([0.4, 0.6])) == "50.0% ± 19.6%"
