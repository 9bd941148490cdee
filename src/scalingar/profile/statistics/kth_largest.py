"""The k-th largest of each row's values."""

from collections.abc import Callable
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

LONGEST = 2**15
"""Values of a row that the kernel keeps in registers."""


def kth_largest(values: Float[Tensor, "*n v"], k: int) -> Float[Tensor, "*n"]:
    """The k-th largest of the last axis; NaN counts as the largest."""
    fits = values.dtype == torch.float32 and 2 < values.shape[-1] <= LONGEST
    kernel = _kernel() if values.is_cuda and fits else None
    return values.topk(k).values[..., -1] if kernel is None else kernel(values, k)


@cache
def _kernel() -> Callable[[Tensor, int], Tensor] | None:
    """None without Triton."""
    try:
        from scalingar.profile.statistics.kth_largest_kernel import kth_largest as kernel  # noqa: PLC0415
    except ImportError:
        return None
    return kernel
