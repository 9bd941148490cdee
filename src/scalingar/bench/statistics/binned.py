"""Calibration: whether 80 % of the images with confidence 0.8 are right."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from scalingar.core.errors import ConfigError


@dataclass(frozen=True)
class Bin:
    """The confidences in ``(low, high]`` (``[low, high]`` for the first bin): their number, mean and share right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def calibration_bins(
    confidence: Float[np.ndarray, " n"], correct: Float[np.ndarray, " n"], *, bins: int = 10
) -> list[Bin]:
    """Bins of equal width over [0, 1], empty ones left out (Guo et al. 2017, Calibration of Modern Neural Networks).

    Raises:
        ConfigError: a confidence outside [0, 1], or arrays of different shapes.
    """
    confidence, correct = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if confidence.shape != correct.shape or confidence.ndim != 1:
        raise ConfigError(f"confidences {confidence.shape} and results {correct.shape} must be two equally long lists.")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ConfigError("a confidence lies outside [0, 1]; calibration needs probabilities.")
    edges = np.linspace(0, 1, bins + 1)
    bin_index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    members = [(i, bin_index == i) for i in range(bins) if (bin_index == i).any()]
    return [
        Bin(float(edges[i]), float(edges[i + 1]), int(m.sum()), float(confidence[m].mean()), float(correct[m].mean()))
        for i, m in members
    ]


def expected_calibration_error(bins: list[Bin]) -> float:
    """ECE = Σ n_b/n · |accuracy_b − confidence_b| (Guo et al. 2017)."""
    total = sum(part.count for part in bins)
    return sum(part.count * abs(part.accuracy - part.confidence) for part in bins) / total
