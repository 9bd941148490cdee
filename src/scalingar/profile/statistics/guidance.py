"""Classifier-free guidance, in LlamaGen's convention: the one place that combines the two branches."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Scale = float | Float[Tensor, " n"] | Float[np.ndarray, " n"]
"""A guidance scale: one number, or one per row on any device."""


def guide(
    conditional: Float[Tensor, "n *l v"],
    unconditional: Float[Tensor, "n *l v"] | None,
    scale: float | Float[Tensor, " n"],
) -> Float[Tensor, "n *l v"]:
    """``u + s (c - u)`` in fp32, or the conditional logits without an unconditional branch.

    At ``scale`` 1 the conditional logits are returned bit for bit, as when LlamaGen's ``cfg_interval`` ends guidance.
    Log-probabilities serve as logits: they differ by a constant per row.
    """
    if unconditional is None:
        return conditional
    if isinstance(scale, float):
        scale = float(np.float32(scale))
        return conditional if scale == 1.0 else unconditional + (conditional - unconditional) * scale
    s = scale.to(conditional).reshape(-1, *[1] * (conditional.ndim - 1))
    return torch.where(s == 1.0, conditional, unconditional + (conditional - unconditional) * s)
