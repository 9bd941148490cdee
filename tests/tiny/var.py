"""A VAR transformer and its tokenizer small enough for any test, with random weights from a seed."""

from typing import TypeVar

import torch
from torch import nn

from scalingar.models.var.config import VARConfig
from scalingar.models.var.multiscale_vq import MultiScaleVQ, MultiScaleVQConfig
from scalingar.models.var.transformer import VAR

SIDES = (1, 2, 4)

ModelT = TypeVar("ModelT", bound=nn.Module)

CLASS_CONFIG = VARConfig(
    layers=2, heads=2, dim=16, hidden=32, sides=SIDES, vocab_size=12, code_dim=4, condition_vocab=5
)
"""Like the published models: a class label."""

WORDS_CONFIG = CLASS_CONFIG.model_copy(
    update={"condition": "words", "condition_vocab": 7, "condition_tokens": 4, "word_layers": 1}
)
"""Like the embedded model: words, read by cross-attention."""

TOKENIZER_CONFIG = MultiScaleVQConfig(
    channels=8,
    channel_mult=(1, 2),
    z_channels=4,
    res_blocks=1,
    norm="channel",
    attention=False,
    patch_size=2,
    codebook_size=12,
    sides=SIDES,
)
"""16 x 16 pixels to grids of up to 4 x 4 codes."""


def tiny_var(config: VARConfig = CLASS_CONFIG, *, seed: int = 0) -> VAR:
    """A transformer whose logits depend on everything it reads."""
    return _randomised(VAR(config), seed)


def tiny_tokenizer(config: MultiScaleVQConfig = TOKENIZER_CONFIG, *, seed: int = 0) -> MultiScaleVQ:
    """A tokenizer whose pictures are noise, but different for different codes."""
    return _randomised(MultiScaleVQ(config), seed)


@torch.no_grad()
def _randomised(model: ModelT, seed: int) -> ModelT:
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        fan_in = tensor[0].numel() if tensor.ndim > 1 else 1
        noise = torch.randn(tensor.shape, generator=generator) * (fan_in**-0.5 if tensor.ndim > 1 else 0.3)
        gain = tensor.ndim == 1 and name.endswith("weight")  # of a norm: around one
        tensor.copy_(noise + gain)
    return model.eval()
