"""One decoding step's attention as a Triton kernel: store the new key and value, then attend over the filled slots."""

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.device.current import on_device_of

BLOCK = 256
"""Slots that a program reads at a time."""


@triton.jit
def _attend(
    qkv,
    stored,
    slots,
    mask,
    out,
    heads,
    capacity,
    prefix,
    qkv_part,
    qkv_row,
    qkv_head,
    stored_part,
    width: tl.constexpr,
    padded: tl.constexpr,
    masked: tl.constexpr,
    block: tl.constexpr,
):
    row = tl.program_id(0) // heads
    head = tl.program_id(0) % heads
    lane = tl.arange(0, padded)
    inside = lane < width
    new = qkv + row * qkv_row + head * qkv_head + lane
    slot = tl.load(slots + row).to(tl.int32)
    key = tl.load(new + qkv_part, mask=inside, other=0.0)
    value = tl.load(new + 2 * qkv_part, mask=inside, other=0.0)
    scale: tl.constexpr = width**-0.5
    query = tl.load(new, mask=inside, other=0.0).to(tl.float32) * scale
    keys = stored + (row * heads + head).to(tl.int64) * capacity * width
    values = keys + stored_part
    tl.store(keys + slot * width + lane, key, mask=inside)
    tl.store(values + slot * width + lane, value, mask=inside)

    # The new slot is visible to itself; then the slots before it, a block at a time.
    highest = tl.sum(query * key.to(tl.float32), 0)
    total = highest * 0.0 + 1.0
    mixed = value.to(tl.float32)
    for first in range(0, slot, block):
        at = first + tl.arange(0, block)
        filled = at < slot
        cells = at[:, None] * width + lane[None, :]
        readable = filled[:, None] & inside[None, :]
        seen = tl.load(keys + cells, mask=readable, other=0.0)
        read = tl.load(values + cells, mask=readable, other=0.0)  # early: both are on their way at once
        scores = tl.sum(query[None, :] * seen.to(tl.float32), 1)
        if masked:
            scores += tl.load(mask + row * prefix + at, mask=filled & (at < prefix), other=0.0)
        scores = tl.where(filled, scores, float("-inf"))
        peak = tl.maximum(highest, tl.max(scores, 0))
        shares = tl.exp(scores - peak)
        fade = tl.exp(highest - peak)
        total = total * fade + tl.sum(shares, 0)
        mixed = mixed * fade + tl.sum(shares[:, None] * read.to(tl.float32), 0)
        highest = peak
    done = out + (row * heads + head) * width + lane
    tl.store(done, (mixed / total).to(out.dtype.element_ty), mask=inside)


def attend(
    stored: Float[Tensor, "2 n h s d"],
    slots: Int[Tensor, " n"],
    mask: Float[Tensor, "n t"] | None,
    qkv: Float[Tensor, "3 n h 1 d"],
) -> Float[Tensor, "n h 1 d"]:
    """Store keys and values at ``slots``, one per row, and let each query attend up to its own.

    ``mask`` is added to the scores of the first ``t`` slots, in fp32. ``stored`` are the leading rows of a buffer.
    """
    _, rows, heads, capacity, width = stored.shape
    out = torch.empty((rows, heads, 1, width), dtype=qkv.dtype, device=qkv.device)
    with on_device_of(qkv):
        _attend[(rows * heads,)](
            qkv,
            stored,
            slots,
            slots if mask is None else mask,
            out,
            heads,
            capacity,
            0 if mask is None else mask.shape[1],
            qkv.stride(0),
            qkv.stride(1),
            qkv.stride(2),
            stored.stride(0),
            width=width,
            padded=triton.next_power_of_2(width),
            masked=mask is not None,
            block=BLOCK,
            num_warps=4,
        )
    return out
