"""Bits to a latent and back, against a plain restatement."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from scalingar.models.infinity.bsq import BitQuantizer
from tests.tiny import infinity as tiny


def enlarged(values: NDArray[np.float64], side: tuple[int, int]) -> NDArray[np.float64]:
    """Linear interpolation along both axes; samples stand in the middle of their cells."""
    for axis, (new, old) in enumerate(zip(side, values.shape[-2:], strict=True)):
        at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, None)
        low = np.minimum(np.floor(at).astype(int), old - 1)
        high = np.minimum(low + 1, old - 1)
        share = (at - low).reshape((-1, 1) if axis == 0 else (1, -1))
        place = axis - 2
        values = np.take(values, low, place) * (1 - share) + np.take(values, high, place) * share
    return values


def restated(codes: list[Tensor], quantizer: BitQuantizer, patch: int) -> NDArray[np.float64]:
    """The sum over scales, cell by cell: channel ``c`` of cell ``(dy, dx)`` is bit ``4 c + 2 dy + dx`` of its token."""
    total = np.zeros((len(codes[0]), quantizer.bits, *quantizer.sides[-1]))
    for (height, width), tokens in zip(quantizer.sides, codes, strict=True):
        cells = np.zeros((len(tokens), quantizer.bits, height, width))
        for channel, row, column in np.ndindex(quantizer.bits, height, width):
            token = (row // patch) * (width // patch) + column // patch
            bit = channel * patch**2 + (row % patch) * patch + column % patch
            cells[:, channel, row, column] = (2 * tokens[:, token, bit].numpy() - 1) / math.sqrt(quantizer.bits)
        total += enlarged(cells, quantizer.sides[-1])
    return total


@pytest.mark.parametrize(("bits", "patch"), [(4, 1), (3, 1), (2, 2)])
def test_sum_of_the_codes_of_all_scales(bits: int, patch: int) -> None:
    quantizer = BitQuantizer.on(tiny.SCHEDULE, bits, patch)
    codes = tiny.bits(2, groups=quantizer.groups)
    latent = quantizer.start(2, "cpu")
    for scale, tokens in enumerate(codes):
        latent = quantizer.accumulate(latent, tokens, scale)
    np.testing.assert_allclose(latent.numpy(), restated(codes, quantizer, patch), atol=2e-6)


def test_features_are_the_latent_at_the_next_size() -> None:
    quantizer = BitQuantizer.on(tiny.SCHEDULE, 2, 2)
    latent = torch.randn(1, 2, 8, 6, generator=torch.Generator().manual_seed(0))
    small = enlarged(latent.double().numpy(), (6, 4))  # plain sampling: no smoothing when it shrinks
    features = quantizer.features(latent, 2)
    assert features.shape == (1, 6, 8)
    for channel, row, column in np.ndindex(2, 6, 4):
        token, part = (row // 2) * 2 + column // 2, (row % 2) * 2 + column % 2
        assert float(features[0, token, channel * 4 + part]) == pytest.approx(small[0, channel, row, column], abs=1e-6)


@pytest.mark.parametrize("patch", [1, 2])
def test_tokens_and_maps_are_inverse(patch: int) -> None:
    quantizer = BitQuantizer.on(tiny.SCHEDULE, 4, patch)
    for scale, codes in enumerate(tiny.bits(2, groups=quantizer.groups)):
        assert torch.equal(quantizer.tokens(quantizer.bit_map(codes, scale)), codes)


def test_each_scale_brings_the_latent_closer() -> None:
    quantizer = BitQuantizer.on(tiny.SCHEDULE, 4)
    target = torch.randn(2, 4, 4, 3, generator=torch.Generator().manual_seed(1)) * 0.7
    latent, gaps = quantizer.start(2, "cpu"), []
    for scale, codes in enumerate(quantizer.quantize(target)):
        latent = quantizer.accumulate(latent, codes, scale)
        gaps.append(float((target - latent).square().mean()))
    assert gaps[-1] < gaps[0]
    assert gaps[-1] < 0.7 * float(target.square().mean())


def test_zero_is_the_bit_zero() -> None:
    quantizer = BitQuantizer(3, ((1, 1),))
    assert quantizer.quantize(torch.zeros(1, 3, 1, 1))[0].tolist() == [[[0, 0, 0]]]
    assert quantizer.codes(torch.ones(1, 3, 1, 1, dtype=torch.long)).flatten().tolist() == pytest.approx([3**-0.5] * 3)
