"""torch's attention, without the kernels that are built anew for every length."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

BACKENDS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""On CUDA. cuDNN's, which torch prefers on recent cards, takes tens of milliseconds for each new shape, and while
decoding every step has one.
"""


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, **options: Any) -> Tensor:
    """``F.scaled_dot_product_attention``."""
    if not query.is_cuda:
        return F.scaled_dot_product_attention(query, key, value, mask, **options)
    with sdpa_kernel(BACKENDS):
        return F.scaled_dot_product_attention(query, key, value, mask, **options)
