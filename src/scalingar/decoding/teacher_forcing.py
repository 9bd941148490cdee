"""Latents and features of complete images, for training a next-scale transformer and for parity with other code."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.decoding.contracts import ScaleSum


def latents(tokenizer: ScaleSum, codes: Sequence[Int[Tensor, "n _l g"]]) -> list[Float[Tensor, "n d h w"]]:
    """The latent after each scale of ``codes``."""
    latent = tokenizer.start(len(codes[0]), codes[0].device)
    result = []
    for scale, scale_codes in enumerate(codes):
        latent = tokenizer.accumulate(latent, scale_codes, scale)
        result.append(latent)
    return result


def teacher_features(tokenizer: ScaleSum, codes: Sequence[Int[Tensor, "n _l g"]]) -> Float[Tensor, "n l c"]:
    """The transformer's inputs for teacher forcing on ``codes``: features of scales 1 and later, concatenated."""
    before = latents(tokenizer, codes[:-1])
    return torch.cat([tokenizer.features(latent, scale) for scale, latent in enumerate(before, start=1)], dim=1)
