"""Classifier-free guidance, in LlamaGen's convention: the one place that combines branches."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Scale = float | Float[Tensor, "*p n"] | Float[np.ndarray, "*p n"]
"""Guidance scales: one number, one per row ``(n,)``, or with a second prompt ``(2, n)``, on any device.

Of two, the first is the prompt's, the other the second prompt's, which has no weight at 1.
"""


def guide(branches: Float[Tensor, "c n *l v"], scale: float | Float[Tensor, "*p n"]) -> Float[Tensor, "n *l v"]:
    """The logits that are drawn from, in fp32: of the branches c, u and r, conditional, unconditional, second prompt's.

    One branch: c. Two: ``u + s (c - u)``. Three, with scales s and s' (GridAR, arXiv 2511.21185, as released, where
    ``s' = s = w + 1``): ``u + s d_o + (s' - 1) (d_r - <d_r, d_o> / <d_o, d_o> d_o)``, ``d_o = c - u``, ``d_r = r - u``:
    what the second prompt wants besides, orthogonal to what the first one does. Where d_o is zero, all of d_r.

    At s = 1 the conditional logits are returned bit for bit, as when LlamaGen's ``cfg_interval`` ends guidance; at
    s' = 1, or where s alone is given, what two branches give. Of two branches log-probabilities serve as logits: they
    differ by a constant per row. Of three they do not: a constant changes the angle.
    """
    if len(branches) == 1:
        return branches[0]
    c, u = branches[0], branches[1]
    if isinstance(scale, float):
        scale = float(np.float32(scale))
        return c if scale == 1.0 else u + (c - u) * scale
    scales = scale.to(c).reshape(*scale.shape, *[1] * (c.ndim - 1))
    s, second = (scales, None) if scale.ndim < 2 else scales
    plain = torch.where(s == 1.0, c, u + (c - u) * s)
    if len(branches) == 2 or second is None:
        return plain
    return torch.where(second == 1.0, plain, plain + _besides(branches[2] - u, c - u) * (second - 1.0))


def _besides(d_r: Float[Tensor, "n *l v"], d_o: Float[Tensor, "n *l v"]) -> Float[Tensor, "n *l v"]:
    """What of ``d_r`` is orthogonal to ``d_o`` over the vocabulary."""
    # Both sums in one call: a sum of a single row would be shared out among threads, to other bits than among others.
    square, product = (torch.stack([d_o, d_r]) * d_o).sum(-1, keepdim=True)
    return d_r - torch.where(square > 0, product / square, 0.0) * d_o
