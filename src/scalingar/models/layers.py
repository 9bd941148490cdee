"""Building blocks of Llama-like image transformers: RMS norm, SwiGLU, two-dimensional rotary positions."""

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor, nn

FEW_ROWS = (8, 64)
LARGE_WEIGHT = 2**21
"""Rows and bytes of a weight between which a product is bound by how the weight is read: see :class:`Linear`."""

Turns = Complex[Tensor, "... p"] | Float[Tensor, "... p 2"]
"""Rotations of pairs: complex numbers, which take one call, or (cos, sin), which a compiler can fuse."""


class RMSNorm(nn.Module):
    """Root-mean-square norm in fp32, cast back *before* the weight is applied (it matters in bf16)."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == torch.float32:
            return F.rms_norm(x, self.weight.shape, self.weight, self.eps)
        return F.rms_norm(x.float(), self.weight.shape, None, self.eps).to(x.dtype) * self.weight


class Linear(nn.Linear):
    """A linear map without bias that is quick for the few rows of a decoding step too."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x: Float[Tensor, "*n i"]) -> Float[Tensor, "*n o"]:
        if not self._few_rows(x):
            return F.linear(x, self.weight)
        columns = x.flatten(0, -2).t().contiguous()
        return torch.mm(self.weight, columns).t().contiguous().unflatten(0, x.shape[:-1])

    def _few_rows(self, x: Tensor) -> bool:
        # With the weight on the left, BLAS streams it as it lies in memory; on the right it is repacked each time.
        if not FEW_ROWS[0] <= x.numel() // x.shape[-1] <= FEW_ROWS[1] or self.weight.nbytes < LARGE_WEIGHT:
            return False
        return not torch.is_grad_enabled() and x.dtype == torch.float32 and x.device.type == "cpu"


class FeedForward(nn.Module):
    """SwiGLU: ``w2(silu(w1 x) * w3 x)``."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.w1 = Linear(dim, hidden)
        self.w3 = Linear(dim, hidden)
        self.w2 = Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


def rope_table(
    grid: tuple[int, int], head_dim: int, *, base: float, prefix: int, prefix_rotation: bool
) -> Float[Tensor, "s p 2"]:
    """(cos, sin) per pair for ``prefix`` condition slots followed by the raster cells of ``grid``, fp32.

    The first half of the pairs turns by row, the second by column. Condition slots hold zeros (LlamaGen's released
    models: their queries and keys vanish) or, with ``prefix_rotation``, the identity.
    """
    count = head_dim // 4
    frequency = base ** -(torch.arange(count, dtype=torch.float32) * 2 / (head_dim // 2))
    rows, columns = torch.meshgrid(
        torch.arange(grid[0], dtype=torch.float32),
        torch.arange(grid[1], dtype=torch.float32),
        indexing="ij",
    )
    angles = torch.cat([axis.flatten()[:, None] * frequency for axis in (rows, columns)], dim=-1)
    table = torch.stack([angles.cos(), angles.sin()], dim=-1)
    before = torch.zeros(prefix, 2 * count, 2)
    if prefix_rotation:
        before[..., 0] = 1.0
    return torch.cat([before, table])


def rotations(table: Float[Tensor, "*n s p 2"]) -> Complex[Tensor, "*n s 1 p"]:
    """A part of the rotary table as :func:`apply_rope` takes it: the same for all heads."""
    return torch.view_as_complex(table).unsqueeze(-2)


def turns(table: Float[Tensor, "*n q p 2"]) -> Complex[Tensor, "*n q 3 1 p"]:
    """Rotations of queries, keys and values in one product; values are not turned at all."""
    turned = rotations(table)
    return torch.stack([turned, turned, torch.ones_like(turned)], -3)


def apply_rope(x: Float[Tensor, "*n d"], turns: Turns) -> Float[Tensor, "*n d"]:
    """Rotate adjacent pairs of the last axis, in fp32. ``turns`` broadcasts over the other axes."""
    pairs = x.float().unflatten(-1, (-1, 2))
    if turns.is_complex():
        return torch.view_as_real(torch.view_as_complex(pairs) * turns).flatten(-2).to(x.dtype)
    (a, b), (cos, sin) = pairs.unbind(-1), turns.unbind(-1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(x.dtype)
