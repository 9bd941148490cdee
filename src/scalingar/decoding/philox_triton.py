"""The noise of :mod:`scalingar.decoding.philox` as one Triton kernel; imported only where there are CUDA and Triton."""

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor
from triton.language.extra import libdevice

from scalingar.core.device.current import on_device_of
from scalingar.decoding.philox import LARGEST

_BLOCKS = 256
"""Of four places, per program."""
_UNIT = tl.constexpr(2.0**-32)
_HALF_UNIT = tl.constexpr(2.0**-33)
_LARGEST = tl.constexpr(LARGEST)


@triton.jit
def _exponential(keys: tl.tensor, steps: tl.tensor, out: tl.tensor, size: tl.tensor, blocks: tl.constexpr) -> None:
    """``blocks`` blocks of four places of one row; the four words of a block lie side by side, so stores are whole."""
    row = tl.program_id(1)
    first = tl.program_id(0) * blocks
    key = tl.load(keys + 2 * row) | (tl.load(keys + 2 * row + 1) << 32)
    place = (first + tl.arange(0, blocks)).to(tl.uint32)
    step = tl.load(steps + row).to(tl.uint32) + tl.zeros_like(place)
    zero = tl.zeros_like(place)
    w0, w1, w2, w3 = tl.philox(key, place, step, zero, zero)
    words = tl.interleave(tl.interleave(w0, w2), tl.interleave(w1, w3))
    u = tl.minimum(words.to(tl.float32) * _UNIT + _HALF_UNIT, _LARGEST)
    places = 4 * first + tl.arange(0, 4 * blocks)
    tl.store(out + row.to(tl.int64) * size + places, -libdevice.log1p(-u), mask=places < size)


def philox_exponential(keys: Int[Tensor, "n 2"], steps: Int[Tensor, " n"], size: int) -> Float[Tensor, "n size"]:
    """See :func:`scalingar.decoding.philox.philox_exponential`: the same bits, and the same numbers up to the last
    digit of the logarithm. Compiled at the first call, which must not be the one that a CUDA graph captures.
    """
    out = torch.empty(len(keys), size, device=keys.device)
    grid = (triton.cdiv(size, 4 * _BLOCKS), len(keys))
    if out.numel():
        with on_device_of(keys):
            _exponential[grid](keys.contiguous(), steps.contiguous(), out, size, _BLOCKS)
    return out
