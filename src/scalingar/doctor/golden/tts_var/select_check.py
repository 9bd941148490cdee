"""Kind ``tts_var_select``: clustering, potentials, repaired weights and draws of the released TTS-VAR code."""

import re
from collections.abc import Iterator
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.doctor.golden.golden_file import CHECKS, EXACT, IMAGES, LOGITS, Comparison, GoldenFile, difference
from scalingar.policy.diversity import Reduction, clustered, principal_axis, reduce_features, select_diverse
from scalingar.policy.potentials import Potential, RewardHistory, log_potential
from scalingar.policy.resampling import probabilities
from scalingar.rewards.features.dinov2 import preprocess

_REDUCTIONS: dict[str, Reduction] = {
    "pca": "per-image",
    "pca_all": "shared",
    "pool": "pool",
    "inception": "pool",
}
_CASE = re.compile(r"(.+)_(\d+)to(\d+)")
_WEIGHTS = re.compile(r"weights\.(\w+)\.cur(\d+)\.lam(\d+(?:\.\d+)?)")
_DRAW = re.compile(r"draw\.(.+)\.weights_in")
_POTENTIALS: dict[str, Potential] = {"fake": "uniform"}
_AS_NEAR = 1e-4
"""Relative difference up to which distances count as equal."""
_RELATIVE = 1e-5
"""Largest relative difference of weights, which are exponentials."""


@CHECKS.register("tts_var_select")
def check(file: GoldenFile) -> Iterator[Comparison]:
    """All cases that the file has: clusterings, weights and draws."""
    for name in list(file.arrays):
        if name.endswith(".tokens"):
            yield from _clustering(file, name.removesuffix(".tokens"))
        elif match := _WEIGHTS.fullmatch(name):
            yield _weights(file, name, match[1], int(match[2]), float(match[3]))
        elif match := _DRAW.fullmatch(name):
            yield from _draw(file, match[1])
    if "weights.single_value" in file:
        score = file["weights.scores"][:1].numpy()
        yield weights_comparison(file, "weights.single_value", log_potential("value", _history(score), 10.0))
    if "pre.tensor" in file:
        pictures = [Image.fromarray(pixels) for pixels in file["pre.images_u8"].numpy()]
        yield file.compare("pre.tensor", preprocess(pictures, file["pre.tensor"].shape[-1]), IMAGES)


def _clustering(file: GoldenFile, case: str) -> Iterator[Comparison]:
    """Compare features up to their signs; then clusters and survivors for the stored features and signs."""
    match = _CASE.fullmatch(case)
    if match is None or match[1] not in _REDUCTIONS:
        raise WeightsError(f"{file.path} does not say in {case!r} how and to how many it reduces.")
    tokens, stored = file[f"{case}.tokens"], file[f"{case}.features"].numpy()
    computed = reduce_features(tokens, _REDUCTIONS[match[1]])
    yield file.compare(f"{case}.features", torch.from_numpy(with_signs_of(computed, stored)), LOGITS)
    if f"{case}.principal" in file:
        yield from _axes(file, case, tokens, shared=match[1] == "pca_all")
    count = int(match[3])
    labels, centers = clustered(stored, count, seed=0)
    yield file.compare(f"{case}.labels", torch.from_numpy(labels).long(), EXACT)
    yield file.compare(f"{case}.centers", torch.from_numpy(centers), LOGITS)
    yield from _survivors(file, case, labels, centers)


def _axes(file: GoldenFile, case: str, tokens: Tensor, *, shared: bool) -> Iterator[Comparison]:
    tokens = tokens.flatten(0, 1)[None] if shared else tokens
    centred = tokens - tokens.mean(1, keepdim=True)
    axes = principal_axis(centred).numpy()
    stored = file[f"{case}.principal"].numpy()
    yield file.compare(f"{case}.principal", torch.from_numpy(with_signs_of(axes, stored)), LOGITS)
    largest = torch.linalg.svdvals(centred)[:, :2]
    yield file.compare(f"{case}.top2_singular_values", largest, LOGITS)


def _survivors(
    file: GoldenFile, case: str, labels: NDArray[np.int32], centers: NDArray[np.float32]
) -> Iterator[Comparison]:
    """Compare the survivor of each cluster; where several members are equally near to its centre, each is accepted."""
    features = file[f"{case}.features"].numpy()
    gaps = np.linalg.norm(features[None] - centers[:, None], axis=2)
    gaps = np.where(labels == np.arange(len(centers))[:, None], gaps, np.inf)
    near = torch.from_numpy(gaps <= gaps.min(axis=1, keepdims=True) * (1 + _AS_NEAR))
    yield file.compare(f"{case}.acceptable", near.to(torch.uint8), EXACT)
    survivors = select_diverse(features, len(centers))
    stored, ours = file[f"{case}.selected"], torch.from_numpy(survivors[np.argsort(labels[survivors])])
    clusters = torch.arange(len(stored))
    yield Comparison(f"{case}.selected", float((~(near[clusters, stored] & near[clusters, ours])).sum()), EXACT)


def _weights(file: GoldenFile, name: str, potential: str, scored: int, inverse_temperature: float) -> Comparison:
    record, scores = file["weights.record"].numpy(), file["weights.scores"].numpy()
    history = _history(*record[:, :scored].T, scores)
    kind, _, k = potential.partition("_")
    topk = int(k) if k else 1
    logs = log_potential(_POTENTIALS.get(kind, cast(Potential, kind)), history, inverse_temperature, topk)
    return weights_comparison(file, name, np.log(probabilities(logs)) if kind == "fake" else logs)


def _history(*columns: NDArray[np.float32]) -> RewardHistory:
    history = RewardHistory.start(len(columns[0]))
    for column in columns:
        history = history.record(column)
    return history


def _draw(file: GoldenFile, case: str) -> Iterator[Comparison]:
    weights = torch.from_numpy(released_weights(file[f"draw.{case}.weights_in"].numpy()))
    yield file.compare(f"draw.{case}.weights_used", weights, EXACT)
    seed, count = file[f"draw.{case}.seed_and_n"].tolist()
    generator = torch.Generator().manual_seed(seed)
    yield file.compare(f"draw.{case}.ids", torch.multinomial(weights, count, True, generator=generator), EXACT)


def weights_comparison(
    file: GoldenFile, name: str, log_weights: NDArray[np.float64], *, tolerance: float = _RELATIVE
) -> Comparison:
    """Compare weights with stored ones in fp32, by relative difference."""
    ratio = torch.from_numpy(np.exp(log_weights - np.log(file[name].double().numpy())))
    return Comparison(name, difference(torch.ones_like(ratio), ratio), tolerance)


def with_signs_of(rows: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float32]:
    """``rows``, each multiplied by 1 or -1 to agree in sign, which is arbitrary, with the same row of ``reference``."""
    if rows.shape != reference.shape:
        return rows
    return np.where((rows * reference).sum(axis=1, keepdims=True) < 0, -rows, rows)


def released_weights(weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Weights as the released code repairs them, in this order.

    If the sum is not above 0: 1 where positive, else 0. If any is NaN: 0 there, 1 elsewhere. If any is infinite: 1
    there, 0 elsewhere. If the sum is still not above 0: 1 everywhere.
    """
    repaired = np.asarray(weights)
    if repaired.sum() <= 0:
        repaired = repaired > 0
    if np.isnan(repaired).any():
        repaired = ~np.isnan(repaired)
    if np.isinf(repaired).any():
        repaired = np.isinf(repaired)
    if repaired.sum() <= 0:
        repaired = np.ones(len(repaired))
    return repaired.astype(np.float32)
