"""Selection of diverse trajectories: one survivor per cluster of image features."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.profile.rounding import ROUNDING
from scalingar.profile.row_state import as_array

Reduction = Literal["per-image", "shared", "pool"]


def check_numbers(features: Float[Tensor, "n *t d"]) -> None:
    """Raises ValueError: a feature is not a number."""
    if not bool(features.isfinite().all()):
        bad = (~features.flatten(1).isfinite().all(1)).nonzero()[:, 0].tolist()
        raise ValueError(f"the features of images {bad} hold values that are not numbers")


def reduce_features(tokens: Float[Tensor, "n *t d"], reduction: Reduction) -> Float[np.ndarray, "n f"]:
    """One fp32 row per image from its patch tokens ``(n, t, d)``; features ``(n, d)`` are returned unchanged.

    * per-image: each image's tokens on its own first principal axis, ``(n, t)``, TTS-VAR's PCA. The sign of such an
      axis is arbitrary but affects the clusters; here its largest component is positive.
    * shared: all images' tokens on one axis, ``(n, t)``; its sign affects no distance.
    * pool: the mean token, ``(n, d)``.

    Raises:
        ValueError: a feature is not a number.
    """
    tokens = tokens.detach().float().cpu()
    check_numbers(tokens)
    if tokens.ndim == 2:
        return as_array(tokens)
    if reduction == "pool":
        return as_array(tokens.mean(1))
    if reduction == "shared":
        return as_array(on_shared_axis(tokens))
    return as_array(on_own_axis(tokens))


def on_own_axis(tokens: Float[Tensor, "n t d"]) -> Float[Tensor, "n t"]:
    """TTS-VAR's ``pca``: (X_i − mean_t X_i) v_i, v_i the first right-singular vector of the centred X_i.

    The release takes v_i with whatever sign LAPACK gives, which may differ between machines.
    """
    centred = tokens - tokens.mean(1, keepdim=True)
    axis = principal_axis(centred)
    axis = axis * largest_component(axis).sign()
    return (centred @ axis[..., None])[..., 0]


def on_shared_axis(tokens: Float[Tensor, "n t d"]) -> Float[Tensor, "n t"]:
    """The released code's ``pca_all``: as :func:`on_own_axis`, with one mean and axis of all images' tokens."""
    flat = tokens.flatten(0, 1)
    centred = flat - flat.mean(0)
    return (centred @ principal_axis(centred)).view(tokens.shape[:2])


def principal_axis(centred: Float[Tensor, "*n t d"]) -> Float[Tensor, "*n d"]:
    """First right-singular vector, with LAPACK's sign."""
    return torch.linalg.svd(centred, full_matrices=False).Vh[..., 0, :]


def largest_component(axis: Float[Tensor, "n d"]) -> Float[Tensor, "n 1"]:
    """The component of largest magnitude, the first of equal ones."""
    size = axis.abs()
    largest = size >= size.amax(-1, keepdim=True) * (1 - ROUNDING)
    return axis.gather(-1, largest.float().argmax(-1, keepdim=True))


def select_diverse(features: Float[np.ndarray, "n f"], count: int, *, seed: int = 0) -> Int[np.ndarray, " m"]:
    """TTS-VAR, clustering: one row per k-means cluster, the nearest to its centre, in ascending order.

    scikit-learn's k-means++ with one start under ``seed`` (0 as released). If fewer than ``count`` rows are distinct,
    the rows farthest from those selected are added (chosen; the released code fails there).

    Raises:
        ValueError: ``count`` is not between 1 and the number of rows.
    """
    if not 1 <= count <= len(features):
        raise ValueError(f"{count} of {len(features)} trajectories cannot be selected")
    clusters = min(count, distinct(features))
    labels, centers = clustered(features, clusters, seed)
    chosen = [nearest(features, labels == cluster, centers[cluster]) for cluster in np.unique(labels)]
    return np.sort(filled_up(features, chosen, count))  # rounding decides how k-means numbers its clusters


def distinct(features: Float[np.ndarray, "n f"]) -> int:
    """How many rows differ from all rows before them, by more than rounding."""
    gaps = np.linalg.norm(features[:, None] - features[None], axis=2)
    same = gaps <= ROUNDING * np.linalg.norm(features, axis=1)
    return int((~np.tril(same, -1).any(axis=1)).sum())


def clustered(
    features: Float[np.ndarray, "n f"], clusters: int, seed: int
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "k f"]]:
    """Cluster of every row, and the clusters' means."""
    from sklearn.cluster import KMeans  # noqa: PLC0415

    means = KMeans(n_clusters=clusters, init="k-means++", n_init=1, random_state=seed).fit(features)
    return means.labels_, means.cluster_centers_


def nearest(features: Float[np.ndarray, "n f"], members: np.ndarray, centre: Float[np.ndarray, " f"]) -> int:
    """The member nearest to the centre, the first of equal ones.

    The two of a cluster of two are equally far from it; which of them rounding puts nearer depends on the processor.
    """
    distances = np.where(members, np.linalg.norm(features - centre, axis=1), np.inf)
    nearest = distances.min()
    return int((distances <= nearest + ROUNDING * (nearest + np.linalg.norm(centre))).argmax())


def filled_up(features: Float[np.ndarray, "n f"], chosen: list[int], count: int) -> list[int]:
    """``chosen``, extended one by one by the row farthest from all chosen, the first of equal ones."""
    while len(chosen) < count:
        gaps = np.linalg.norm(features[:, None] - features[None, chosen], axis=2).min(axis=1)
        gaps[chosen] = -np.inf
        farthest = int(gaps.argmax())
        tolerance = ROUNDING * (gaps[farthest] + np.linalg.norm(features[farthest]))
        chosen = [*chosen, int((gaps >= gaps[farthest] - tolerance).argmax())]
    return chosen
