"""The self-test of a next-scale model."""

import torch
from torch import Tensor

from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.doctor.random_weights import random_weights
from scalingar.models.var.config import VARConfig
from scalingar.models.var.multiscale_vq import MultiScaleVQ, MultiScaleVQConfig
from scalingar.models.var.transformer import VAR
from scalingar.models.weights.build_module import build_module

_SIDES = (1, 2, 4)
_CONFIG = VARConfig(layers=2, heads=2, dim=32, hidden=64, sides=_SIDES, vocab_size=32, code_dim=4, condition_vocab=3)
_TOKENIZER = MultiScaleVQConfig(
    channels=32, channel_mult=(1, 1), z_channels=4, res_blocks=1, codebook_size=32, sides=_SIDES
)


def draws_scales(device: str) -> bool:
    """Whether a row gets the same codes when the others are pruned, and its picture is finite."""
    decoder = _decoder(device)
    codes = _drawn(decoder, [0, 1, 2], None)
    picture = decoder.pixels(decoder.latent(codes[:1]))
    pruned = _drawn(decoder, [0, 1, 2], [2])
    return torch.equal(pruned, codes[2:]) and bool(picture.isfinite().all()) and tuple(picture.shape) == (1, 3, 8, 8)


def _decoder(device: str) -> NextScaleDecoder:
    model = build_module(lambda: VAR(_CONFIG), random_weights(lambda: VAR(_CONFIG)), "self-test", device=device)
    weights = random_weights(lambda: MultiScaleVQ(_TOKENIZER))
    tokenizer = build_module(lambda: MultiScaleVQ(_TOKENIZER), weights, "self-test", device=device)
    return NextScaleDecoder(model=model, tokenizer=tokenizer)


def _drawn(decoder: NextScaleDecoder, indices: list[int], keep: list[int] | None) -> Tensor:
    condition = decoder.model.condition(torch.tensor([1], device=decoder.model.device))
    live = decoder.start(condition, [indices], TrajectoryNoise.streams(0, indices), branches=2)
    for scale in range(len(_SIDES)):
        if scale:
            live = decoder.advance(live)
        live = decoder.append(live, decoder.draw(live, 2.0))
        if keep is not None and scale == 0:
            live = live.select(torch.tensor(keep))
    return live.codes.view(len(live.codes), -1, 1)
