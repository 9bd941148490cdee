"""Latents and features of whole images, for teaching a next-scale transformer and for comparing with other code."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.decoding.contracts import ScaleSum


def latents(tokenizer: ScaleSum, codes: Sequence[Int[Tensor, "n _l g"]]) -> list[Float[Tensor, "n d h w"]]:
    """The latent after each scale of ``codes``."""
    latent = tokenizer.start(len(codes[0]), codes[0].device)
    found = []
    for scale, here in enumerate(codes):
        latent = tokenizer.accumulate(latent, here, scale)
        found.append(latent)
    return found


def teacher_features(tokenizer: ScaleSum, codes: Sequence[Int[Tensor, "n _l g"]]) -> Float[Tensor, "n l c"]:
    """What a transformer reads when it is taught ``codes``: the features of scales 1 and later, one after another."""
    before = latents(tokenizer, codes[:-1])
    return torch.cat([tokenizer.features(latent, scale) for scale, latent in enumerate(before, start=1)], dim=1)
