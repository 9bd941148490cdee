"""An Infinity small enough for any test: transformer, autoencoder and texts from a seed."""

import torch
from torch import Tensor

from scalingar.models.autoencoder.autoencoder import AutoencoderConfig
from scalingar.models.infinity.bsq_vae import BSQVae
from scalingar.models.infinity.config import InfinityConfig
from scalingar.models.infinity.schedules import InfinitySchedule
from scalingar.models.infinity.transformer import Infinity

SCHEDULE = InfinitySchedule(scales=((1, 1), (2, 2), (3, 2), (4, 3)), full=(16, 12))

CONFIG = InfinityConfig(
    layers=3, dim=32, heads=2, hidden=64, bits=4, pool_heads=4, levels=6, text_dim=24, text_tokens=8
)

VAE_CONFIG = AutoencoderConfig(channels=32, channel_mult=(1, 1, 1, 1, 1), z_channels=4, res_blocks=1, attention=False)
"""Of the stride 16 that the transformer's four bits a token need."""

PATCHED_VAE_CONFIG = VAE_CONFIG.model_copy(update={"channel_mult": (1, 1, 1, 1), "z_channels": 1})
"""Of stride 8: four cells of one bit make a token."""


def tiny_infinity(config: InfinityConfig = CONFIG, schedule: InfinitySchedule = SCHEDULE, *, seed: int = 0) -> Infinity:
    """A transformer whose logits depend visibly on text, history and scale."""
    model = Infinity(config, schedule)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            width = parameter.shape[-1] if parameter.ndim > 1 else 10
            parameter.normal_(0.0, width**-0.5, generator=generator)
    return model.eval().requires_grad_(False)


def tiny_vae(config: AutoencoderConfig = VAE_CONFIG, *, seed: int = 0) -> BSQVae:
    """An autoencoder whose pictures are noise, but different for different bits."""
    model = BSQVae(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, parameter[0].numel() ** -0.5, generator=generator)
            elif name.endswith("bias"):
                parameter.zero_()  # what it was is the global generator's
    return model.eval().requires_grad_(False)


def texts(*lengths: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features and mask of texts with the given numbers of tokens, valid rows first; a text depends on its place."""
    longest = max(lengths)
    features = torch.stack(
        [
            torch.randn(8, CONFIG.text_dim, generator=torch.Generator().manual_seed(seed + i))
            for i in range(len(lengths))
        ]
    )
    return features[:, :longest], torch.arange(longest) < torch.tensor(lengths)[:, None]


def bits(n: int, *, groups: int = 4, seed: int = 0) -> list[Tensor]:
    """Random codes of every scale of the schedule."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(2, (n, h * w, groups), generator=generator) for h, w in SCHEDULE.scales]
