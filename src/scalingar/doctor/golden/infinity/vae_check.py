"""Kind ``infinity_vae``: Infinity's autoencoder and quantiser in both directions, on the schedules of the file."""

from collections.abc import Iterator
from math import inf

import torch
import torch.nn.functional as F
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.doctor.golden.golden_file import CHECKS, EXACT, IMAGES, Comparison, GoldenFile
from scalingar.models.infinity.bsq import BitQuantizer
from scalingar.models.infinity.bsq_vae import BSQVae
from scalingar.models.infinity.released import build_bsq_vae

_NAMING_SCHEMES = ("keys_wrapper", "keys_plain")


def build(file: GoldenFile) -> BSQVae:
    """The autoencoder with a file's weights, which determine its sizes."""
    return build_bsq_vae(file.weights, file.path)


@CHECKS.register("infinity_vae")
def check(file: GoldenFile) -> Iterator[Comparison]:
    """Both naming schemes of the weights; then latents, bits, sums of codes and pictures of every case."""
    vae = build(file)
    for name in _NAMING_SCHEMES:
        if name in file.words:
            yield _named(file, name, vae)
    for name in file.arrays:
        case, suffix, _ = name.partition(".schedule")
        if suffix:
            quantizer = _quantizer(file, case, vae)
            yield from _encoded(file, case, vae, quantizer)
            yield from _decoded(file, case, vae, quantizer)


def _named(file: GoldenFile, name: str, vae: BSQVae) -> Comparison:
    """The number of tensors that differ when the weights are loaded by the names of one scheme."""
    index = {key: i for scheme in _NAMING_SCHEMES for i, key in enumerate(file.words.get(scheme, []))}
    if unknown := [key for key in file.weights if key not in index]:
        raise WeightsError(f"{file.path} has the weight {unknown[0]!r}, which neither of its lists of names holds.")
    names = file.strings(name)
    renamed = {names[index[key]]: tensor for key, tensor in file.weights.items()}
    loaded = build_bsq_vae(renamed, file.path).state_dict()
    known = vae.state_dict()
    different = sum(not torch.equal(loaded[key], tensor) for key, tensor in known.items())
    return Comparison(name, float(different) if loaded.keys() == known.keys() else inf, EXACT)


def _quantizer(file: GoldenFile, case: str, vae: BSQVae) -> BitQuantizer:
    """The quantiser on the latent sides of a case; wide tokens hold 2 x 2 cells."""
    sides = tuple((h, w) for _, h, w in file[f"{case}.schedule"].tolist())
    tokens = file.get(f"{case}.bsc_x_BLC_wo_prefix")
    patch = int(file.config.get("patch_size") == 8) + 1 if tokens is None else 1 + (tokens.shape[-1] > vae.bits)
    return BitQuantizer(vae.bits, sides, patch)


def _encoded(file: GoldenFile, case: str, vae: BSQVae, quantizer: BitQuantizer) -> Iterator[Comparison]:
    h = vae.encoder(file[f"{case}.image"])
    yield file.compare(f"{case}.h", h, IMAGES)
    latent, inputs = quantizer.start(len(h), h.device), []
    for scale, codes in enumerate(quantizer.quantize(h)):
        yield from file.compare_stored(f"{case}.bits_{scale}", _official(quantizer.bit_map(codes, scale)), EXACT)
        yield from file.compare_stored(f"{case}.bsc_gt_bits_{scale}", codes, EXACT)
        latent = quantizer.accumulate(latent, codes, scale)
        if scale + 1 < len(quantizer.sides):
            area = F.interpolate(latent, quantizer.sides[scale + 1], mode="area")
            yield from file.compare_stored(f"{case}.var_input_area_{scale + 1}", area[:, :, None], IMAGES)
            inputs.append(quantizer.features(latent, scale + 1))
    yield from file.compare_stored(f"{case}.z", latent, IMAGES)
    yield from file.compare_stored(f"{case}.bsc_x_BLC_wo_prefix", torch.cat(inputs, 1), IMAGES)
    yield from file.compare_stored(f"{case}.decoded", vae.decoder(latent).clamp(-1, 1), IMAGES)


def _decoded(file: GoldenFile, case: str, vae: BSQVae, quantizer: BitQuantizer) -> Iterator[Comparison]:
    """Compare the pictures decoded from random bits."""
    bits = [file.get(f"{case}.rand_bits_{scale}") for scale in range(len(quantizer.sides))]
    known = [cells for cells in bits if cells is not None]
    if len(known) < len(bits):
        return
    latent = quantizer.start(len(known[0]), "cpu")
    for scale, cells in enumerate(known):
        latent = quantizer.accumulate(latent, teacher_codes(cells, quantizer), scale)
        codes = quantizer.codes(cells[:, 0].movedim(-1, 1))
        yield from file.compare_stored(f"{case}.rand_codes_{scale}", codes[:, :, None], IMAGES)
    yield from file.compare_stored(f"{case}.rand_summed_codes", latent[:, :, None], IMAGES)
    yield from file.compare_stored(f"{case}.rand_decoded", vae.decoder(latent).clamp(-1, 1), IMAGES)


def teacher_codes(cells: Tensor, quantizer: BitQuantizer) -> Tensor:
    """Stored bits ``(n, 1, h, w, d)`` as codes ``(n, l, g)``."""
    return quantizer.tokens(cells[:, 0].movedim(-1, 1).long())


def _official(bits: Tensor) -> Tensor:
    return bits.movedim(1, -1)[:, None]
