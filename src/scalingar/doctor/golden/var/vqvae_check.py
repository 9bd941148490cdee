"""Kind ``var_vqvae``: VAR's tokenizer, scale by scale and in both directions."""

import re
from collections.abc import Iterator
from math import isqrt

import torch
from torch import Tensor

from scalingar.decoding.teacher_forcing import latents, teacher_features
from scalingar.doctor.golden.golden_file import CHECKS, EXACT, IMAGES, Comparison, GoldenFile
from scalingar.models.var.multiscale_vq import MultiScaleVQ, SharedPhis, phi_index, phi_ticks
from scalingar.models.var.released import learned, multiscale_vq_config
from scalingar.models.weights.build_module import build_module

TICKS = 1e-7
"""Tolerance of ticks: computed in float64, stored as float32."""


def build(file: GoldenFile) -> MultiScaleVQ:
    """The tokenizer with a file's weights; its codes determine the schedule, the weights all other sizes."""
    scales = sum(re.fullmatch(r"idx_\d+", name) is not None for name in file.arrays)
    sides = tuple(isqrt(file[f"idx_{scale}"].shape[1]) for scale in range(scales))
    config = multiscale_vq_config(file.weights, file.path, sides)
    return build_module(lambda: MultiScaleVQ(config), learned(file.weights), file.path)


def per_scale(file: GoldenFile, name: str, scales: int) -> list[Tensor]:
    """Codes ``(n, l, 1)`` of all scales, from arrays ``name_0``, ... Raises WeightsError if one is missing."""
    return [file[f"{name}_{scale}"].long()[..., None] for scale in range(scales)]


@CHECKS.register("var_vqvae")
def check(file: GoldenFile) -> Iterator[Comparison]:
    """Latent, codes, running sums, next inputs and pictures, and the convolution that each scale uses."""
    model = build(file)
    scales = len(model.config.sides)
    yield file.compare("f", model.latent(file["image"]), IMAGES)
    for scale, codes in enumerate(model.encode(file["image"])):
        yield file.compare(f"idx_{scale}", codes[..., 0], EXACT)
    stored = per_scale(file, "idx", scales)
    yield file.compare("var_input", teacher_features(model, stored), IMAGES)
    yield from _sums(file, "f_hat", sums := latents(model, stored))
    for scale, latent in enumerate(sums):
        yield from file.compare_stored(f"decoded_{scale}", model.decode(latent).clamp(-1, 1), IMAGES)
    sums = latents(model, per_scale(file, "codes", scales))
    yield from _sums(file, "ar_f_hat", sums)
    yield from next_inputs(file, "ar_next", model, sums)
    yield from file.compare_stored("ar_img", model.decode(sums[-1]).clamp(-1, 1), IMAGES)
    yield from _phis(file, model.quantize.quant_resi)


def _sums(file: GoldenFile, name: str, sums: list[Tensor]) -> Iterator[Comparison]:
    for scale, latent in enumerate(sums):
        yield from file.compare_stored(f"{name}_{scale}", latent, IMAGES)


def next_inputs(file: GoldenFile, name: str, model: MultiScaleVQ, sums: list[Tensor]) -> Iterator[Comparison]:
    """Compare the map after each scale at the resolution of the next one; after the last, at full resolution."""
    last = len(sums) - 1
    for scale, latent in enumerate(sums):
        if f"{name}_{scale}" in file:
            reduced = latent if scale == last else model.quantize.reduced(latent, scale + 1)
            yield file.compare(f"{name}_{scale}", reduced, IMAGES)


def _phis(file: GoldenFile, phis: SharedPhis) -> Iterator[Comparison]:
    count = len(phis.qresi_ls)
    yield from file.compare_stored("phi_index", torch.tensor(phis.index), EXACT)
    if "phi_ticks_f32" in file:
        yield file.compare("phi_ticks_f32", torch.tensor(phi_ticks(count)), TICKS)
    for name in file.arrays:
        if match := re.fullmatch(r"phi_index_S(\d+)", name):
            yield file.compare(name, torch.tensor(phi_index(int(match[1]), count)), EXACT)
