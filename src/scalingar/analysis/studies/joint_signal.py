"""Signals joined into one: weights from a logistic regression within images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from scalingar.analysis.studies.calibration import NEEDS_SKLEARN
from scalingar.core.errors import BenchmarkError, ConfigError


@dataclass(frozen=True)
class Combined:
    """``weights`` of signals that are centred within their image and scaled by ``spread``."""

    names: tuple[str, ...]
    weights: Float[np.ndarray, " f"]
    spread: Float[np.ndarray, " f"]

    def __call__(self, features: Float[np.ndarray, "i n f"]) -> Float[np.ndarray, "i n"]:
        """The joint signal of every candidate; only differences within an image mean anything."""
        return (within_image(features) / self.spread) @ self.weights


def fit_combined(
    names: Sequence[str], features: Float[np.ndarray, "i n f"], correct: Bool[np.ndarray, "i n"]
) -> Combined:
    """Weights that tell right from wrong candidates of the same image.

    Features are centred within each image, so that what makes a prompt easy cannot be learned; images whose candidates
    are all right or all wrong are left out. L2 penalty 1, no intercept.

    Raises:
        BenchmarkError: no image has both right and wrong candidates. ConfigError: scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    except ImportError:
        raise ConfigError(NEEDS_SKLEARN) from None
    mixed = correct.any(axis=1) & ~correct.all(axis=1)
    if not mixed.any():
        raise BenchmarkError("no image has both right and wrong candidates; there is nothing to fit.")
    centred = within_image(features)[mixed]
    spread = centred.std(axis=(0, 1))
    spread = np.where(spread > 0, spread, 1.0)
    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=1000)
    model.fit((centred / spread).reshape(-1, len(names)), correct[mixed].ravel())
    return Combined(tuple(names), model.coef_[0], spread)


def within_image(features: Float[np.ndarray, "i n f"]) -> Float[np.ndarray, "i n f"]:
    """Less the mean over the image's candidates."""
    centred: np.ndarray = features - features.mean(axis=1, keepdims=True)
    return centred
