"""Philox4x32-10, a counter-based generator of random bits, in plain torch.

"Parallel random numbers: as easy as 1, 2, 3" (Salmon, Moraes, Dror and Shaw, SC 2011): ten rounds turn a counter of
four 32-bit words and a key of two into four random words. So any number of a stream can be made by itself, on any
device, from integers alone: the bits are the same everywhere.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
"""Of the first and the third word of the counter."""
WEYL = 0x9E3779B9, 0xBB67AE85
"""Added to the words of the key after each round."""
ROUNDS = 10
LARGEST = 1 - 2**-24
"""The largest fp32 number below 1."""
_WORD = 0xFFFFFFFF
_SHARING_ROUNDS = 3
"""First ones, in which words differ by row or by place only; then all differ, and are changed in place."""
# Blocks computed at once on a CPU, so that the five buffers of 8 bytes a block stay in its cache.
_BLOCKS_IN_CACHE = 2**15


def philox_exponential(keys: Int[Tensor, "n 2"], steps: Int[Tensor, " n"], size: int) -> Float[Tensor, "n size"]:
    """Exp(1) noise in fp32, a function of ``keys[i]``, ``steps[i]`` and the place in the row alone.

    Word ``place % 4`` of the block with the counter ``(place // 4, step, 0, 0)`` becomes u in (0, 1), then -log(1 - u).
    Small values, which win the race of exponentials, keep full relative precision: the smallest is 2**-33.

    ``keys``: 32-bit words as Int64. ``steps``: from 0, below 2**32. The result is on their device; nothing is copied
    from or to the host, and no shape depends on a value, so a CUDA graph can capture it.
    """
    blocks = -(-size // 4)
    width = max(1, _BLOCKS_IN_CACHE // max(1, len(keys))) if keys.device.type == "cpu" else max(1, blocks)
    zero = steps.new_zeros(1)
    out = torch.empty(len(keys), size, device=keys.device)
    for start in range(0, blocks, width):
        end = min(start + width, blocks)
        places = torch.arange(start, end, device=keys.device)
        counter = (places, steps[:, None], zero, zero)
        for i, word in enumerate(philox_words(counter, (keys[:, :1], keys[:, 1:]))):
            own = out[:, 4 * start + i : 4 * end : 4]
            own.copy_(word[:, : own.shape[1]])
    # -u, whose product is exact; the sum rounds up to -1 at the end.
    out.mul_(-(2.0**-32)).sub_(2.0**-33).clamp_(min=-LARGEST)
    return out.log1p_().neg_()


def philox_words(
    counter: tuple[Int[Tensor, "..."], Int[Tensor, "..."], Int[Tensor, "..."], Int[Tensor, "..."]],
    key: tuple[Int[Tensor, "..."], Int[Tensor, "..."]],
) -> tuple[Int[Tensor, "*n"], Int[Tensor, "*n"], Int[Tensor, "*n"], Int[Tensor, "*n"]]:
    """Four random words per counter, of its words and those of the key broadcast together.

    Words are Int64 in [0, 2**32). Products wrap in 64 bits: their high half is the shifted product, their low half the
    product itself, whose upper bits are masked where they would matter.
    """
    (first, third), shape = MULTIPLIERS, torch.broadcast_shapes(*(word.shape for word in (*counter, *key)))
    keys = list(zip(*map(_round_keys, key, WEYL), strict=True))
    c0, c1, c2, c3 = counter[0].clone(), counter[1], counter[2].clone(), counter[3]
    for k0, k1 in keys[:_SHARING_ROUNDS]:
        p0, p1 = c0.mul_(first), c2.mul_(third)
        c0, c2 = _mixed(p1, c1, k0, shape), _mixed(p0, c3, k1, shape)
        c1, c3 = p1, p0
    c0, c1, c2, c3 = (word.expand(shape).contiguous() for word in (c0, c1, c2, c3))
    high = torch.empty_like(c0)
    for k0, k1 in keys[_SHARING_ROUNDS:]:
        p0, p1 = c0.mul_(first), c2.mul_(third)
        torch.bitwise_right_shift(p1, 32, out=high)
        c0 = c1.bitwise_xor_(high).bitwise_xor_(k0).bitwise_and_(_WORD)
        torch.bitwise_right_shift(p0, 32, out=high)
        c2 = c3.bitwise_xor_(high).bitwise_xor_(k1).bitwise_and_(_WORD)
        c1, c3 = p1, p0
    return c0, c1.bitwise_and_(_WORD), c2, c3.bitwise_and_(_WORD)


def _mixed(product: Tensor, word: Tensor, key: Tensor, shape: torch.Size) -> Tensor:
    """``high(product) ^ word ^ key``, in a new tensor; operands may be shared by all rows, or all places of a row."""
    high = product >> 32
    mixed = high.bitwise_xor_(word).bitwise_xor_(key) if high.shape == shape else (high ^ key) ^ word
    return mixed.bitwise_and_(_WORD)


def _round_keys(word: Int[Tensor, "*k"], weyl: int) -> tuple[Int[Tensor, "*k"], ...]:
    """A word of the key in each round; the sums are not reduced to 32 bits."""
    rounds = torch.arange(ROUNDS, device=word.device) * weyl
    return (word + rounds.view(-1, *[1] * word.dim())).unbind()
