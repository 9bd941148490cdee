"""Several signals combined into one by logistic regression within images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from scalingar.core.errors import BenchmarkError


@dataclass(frozen=True)
class JointSignal:
    """A weighted sum of signals that are centred within each image and divided by ``spread``."""

    names: tuple[str, ...]
    weights: Float[np.ndarray, " f"]
    spread: Float[np.ndarray, " f"]

    def __call__(self, features: Float[np.ndarray, "i n f"]) -> Float[np.ndarray, "i n"]:
        """The joint signal of every candidate, to be compared only within an image."""
        return (within_image(features) / self.spread) @ self.weights


def fit_joint_signal(
    names: Sequence[str], features: Float[np.ndarray, "i n f"], correct: Bool[np.ndarray, "i n"]
) -> JointSignal:
    """Fit weights that separate right from wrong candidates of the same image.

    Features are centred within each image, so that the difficulty of a prompt cannot be learned; images whose
    candidates are all right or all wrong are left out. L2 penalty 1, no intercept.

    Raises:
        BenchmarkError: no image has both right and wrong candidates.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    mixed = correct.any(axis=1) & ~correct.all(axis=1)
    if not mixed.any():
        raise BenchmarkError("no image has both right and wrong candidates; there is nothing to fit.")
    centred = within_image(features)[mixed]
    spread = centred.std(axis=(0, 1))
    spread = np.where(spread > 0, spread, 1.0)
    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=1000)
    model.fit((centred / spread).reshape(-1, len(names)), correct[mixed].ravel())
    return JointSignal(tuple(names), model.coef_[0], spread)


def within_image(features: Float[np.ndarray, "i n f"]) -> Float[np.ndarray, "i n f"]:
    """The features minus their mean over the image's candidates."""
    centred: np.ndarray = features - features.mean(axis=1, keepdims=True)
    return centred
