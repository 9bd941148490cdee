"""The k-th largest of each row as a Triton kernel: torch's topk takes one program and several passes for each row."""

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

from scalingar.core.device.current import on_device_of

BITS = tl.constexpr(32)


@triton.jit
def _kth_largest(values, out, size, k, padded: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    lane = tl.arange(0, padded)
    inside = lane < size
    bits = tl.load(values + row * size + lane, mask=inside, other=0.0).to(tl.uint32, bitcast=True)
    # Unsigned integers in the order of the floats, from -inf to NaN.
    negative = (bits >> 31) == 1
    order = tl.where(negative, ~bits, bits | 0x80000000)
    order = tl.where(inside, order, 0)
    found = tl.zeros((), tl.uint32)
    one = tl.full((), 1, tl.uint32)
    for step in range(BITS):
        more = found | (one << (BITS - 1 - step))
        count = tl.sum((order >= more).to(tl.int32), 0)
        found = tl.where(count >= k, more, found)
    back = tl.where((found >> 31) == 1, found ^ 0x80000000, ~found)
    tl.store(out + row, back.to(tl.float32, bitcast=True))


def kth_largest(values: Float[Tensor, "*n v"], k: int) -> Float[Tensor, "*n"]:
    """See :func:`scalingar.profile.statistics.kth_largest.kth_largest`; of fp32 values."""
    size = values.shape[-1]
    rows = values.reshape(-1, size)
    out = torch.empty(len(rows), dtype=torch.float32, device=values.device)
    padded = triton.next_power_of_2(size)
    if len(rows):
        with on_device_of(rows):
            _kth_largest[(len(rows),)](rows, out, size, k, padded=padded, num_warps=min(16, max(1, padded // 1024)))
    return out.view(values.shape[:-1])
