"""A small decode with random weights that shows whether decoding works on this machine."""

from collections.abc import Callable

import torch
from torch import Tensor

from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.doctor.environment import Fact
from scalingar.doctor.random_weights import random_weights
from scalingar.doctor.selftest_scales import draws_scales
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.llamagen.vq import VQConfig, VQTokenizer
from scalingar.models.weights.build_module import build_module

CONFIG = LlamaGenConfig(
    layers=2,
    heads=2,
    dim=32,
    hidden=64,
    grid=(4, 4),
    vocab_size=32,
    condition="text",
    condition_tokens=6,
    caption_dim=16,
)
"""A very small LlamaGen."""
_VQ = VQConfig(codebook_size=32, codebook_dim=4, channels=32, channel_mult=(1, 1), z_channels=32, res_blocks=1)


def self_test(device: str = "cpu") -> list[Fact]:
    """Decode on ``device``: images are finite, and neither pruning nor a collapsed prefix changes any code."""
    tests: dict[str, Callable[[str], bool]] = {
        "decode an image": _decodes,
        "prune midway": _prunes,
        "collapse the prefix": _collapses,
        "draw scale by scale": draws_scales,
    }
    return [_fact(f"{name} on {device}", test, device) for name, test in tests.items()]


def _fact(name: str, test: Callable[[str], bool], device: str) -> Fact:
    try:
        good = test(device)
    except RuntimeError as error:
        return Fact("self-test", name, f"failed: {' '.join(str(error).split())[:100]}", ok=False)
    return Fact("self-test", name, "passed" if good else "failed: a different result", ok=good)


@torch.inference_mode()
def _decodes(device: str) -> bool:
    codes = _codes(device, range(3))
    tokenizer = build_module(
        lambda: VQTokenizer(_VQ), random_weights(lambda: VQTokenizer(_VQ)), "self-test", device=device
    )
    picture = tokenizer.decode(codes[:1], CONFIG.grid)
    return tuple(picture.shape) == (1, 3, 8, 8) and bool(picture.isfinite().all())


def _prunes(device: str) -> bool:
    return torch.equal(_codes(device, range(3), keep=[2]), _codes(device, range(3))[2:])


def _collapses(device: str) -> bool:
    return torch.equal(_codes(device, range(3), collapse=True), _codes(device, range(3), collapse=False))


@torch.inference_mode()
def _codes(device: str, indices: range, *, keep: list[int] | None = None, collapse: bool = True) -> Tensor:
    weights = random_weights(lambda: LlamaGen(CONFIG))
    model = build_module(lambda: LlamaGen(CONFIG, collapse_prefix=collapse), weights, "self-test", device=device)
    decoder = NextTokenDecoder(model=model)
    features = torch.linspace(-1, 1, 6 * 16).view(1, 6, 16)
    condition = model.condition(features, torch.tensor([[0, 0, 1, 1, 1, 1]]).bool())
    live = decoder.start(condition, [list(indices)], TrajectoryNoise.streams(0, list(indices)), branches=2)
    while True:
        if keep is not None and int(live.positions[0]) == 8:
            live = live.select(torch.tensor(keep))
        live = live.append(decoder.draw(live, 2.0))
        if bool(live.finished.all()):
            return live.codes
        live = decoder.advance(live)
