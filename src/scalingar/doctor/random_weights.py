"""Random weights for models that are made only to see whether they run."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def random_weights(kind: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """Weights for the module that ``kind`` makes, from a generator of their own, not the global one."""
    with torch.device("meta"):
        shapes = kind().state_dict()
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(like.shape, generator=generator) * like[0].numel() ** -0.5
        if like.ndim > 1
        else torch.full(like.shape, 0.0 if name.endswith("bias") else 1.0)
        for name, like in shapes.items()
    }
