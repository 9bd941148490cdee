"""Pipelines around tiny next-scale models of both kinds, and their weights as files in the published forms."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.infinity.released import pair
from scalingar.models.infinity.schedules import InfinitySchedule
from scalingar.models.infinity.transformer import Infinity
from scalingar.models.prompts.encoders import LabelEncoder
from scalingar.models.var.multiscale_vq import MultiScaleVQConfig
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny import infinity as tiny_infinity
from tests.tiny import var as tiny_var

SIDES = (1, 2, 3, 4, 5, 6, 8)
"""Seven scales: enough for the prunes of TTS-VAR."""
VAR_CONFIG = tiny_var.CLASS_CONFIG.model_copy(update={"sides": SIDES})
VQ_CONFIG = MultiScaleVQConfig(
    channels=32, channel_mult=(1, 2), z_channels=4, res_blocks=1, codebook_size=12, sides=SIDES
)
INFINITY_CONFIG = tiny_infinity.CONFIG.model_copy(update={"levels": 7})
SCHEDULE = InfinitySchedule(scales=((1, 1), (1, 1), (1, 2), (1, 2), (2, 1), (2, 2), (2, 2)), full=(16, 16))


def var_pipe() -> ImagePipeline:
    """Labels 0 to 4 as prompts, 32 x 32 pixels in seven scales."""
    return ImagePipeline(
        name="tiny VAR",
        model=tiny_var.tiny_var(VAR_CONFIG),
        tokenizer=tiny_var.tiny_tokenizer(tiny_var.TOKENIZER_CONFIG.model_copy(update={"sides": SIDES})),
        encode_prompts=LabelEncoder(5),
        guidance_scale=3.0,
        sampling=SamplingConfig(),
        own_reward="confidence",
    )


def infinity_pipe() -> ImagePipeline:
    """Any words as prompts, 32 x 32 pixels in seven scales."""
    model = tiny_infinity.tiny_infinity(INFINITY_CONFIG, SCHEDULE)
    return ImagePipeline(
        name="tiny Infinity",
        model=model,
        tokenizer=pair(model, tiny_infinity.tiny_vae()),
        encode_prompts=read_texts,
        guidance_scale=3.0,
        sampling=SamplingConfig(temperature=0.5, top_p=0.97),
        own_reward="confidence",
    )


PIPES: dict[str, Callable[[], ImagePipeline]] = {"var": var_pipe, "infinity": infinity_pipe}
PROMPTS = ("3", "1", "4")
"""That both understand."""


def read_texts(prompts: list[str]) -> tuple[Tensor, Tensor]:
    """In place of T5: features that depend on the prompt, and two or more valid tokens."""
    longest = 2 + max(len(prompt) % 6 for prompt in prompts)
    features, mask = torch.zeros(len(prompts), longest, 24), torch.zeros(len(prompts), longest, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        valid = 2 + len(prompt) % 6
        mask[row, :valid] = True
        generator = torch.Generator().manual_seed(sum(map(ord, prompt)))
        features[row, :valid] = torch.randn(valid, 24, generator=generator)
    return features, mask


@cache
def var_weights() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Transformer and tokenizer under their official names, with the buffers that are in the files."""
    levels = torch.cat([torch.full((side * side,), level) for level, side in enumerate(SIDES)])
    transformer = {**tiny_var.tiny_var(VAR_CONFIG).state_dict(), "lvl_1L": levels[None]}
    tokenizer = tiny_var.tiny_tokenizer(VQ_CONFIG).state_dict()
    return transformer, {**tokenizer, "quantize.ema_vocab_hit_SV": torch.zeros(len(SIDES), 12)}


def save_var(folder: Path) -> tuple[Path, Path]:
    """Transformer and tokenizer under the names of VAR's files."""
    files = folder / "var_d16.pth", folder / "vae_ch160v4096z32.pth"
    for file, weights in zip(files, var_weights(), strict=True):
        torch.save(weights, file)
    return files


def save_var_training(folder: Path) -> Path:
    """What VAR's training script saves: both models in one file."""
    transformer, tokenizer = var_weights()
    trainer = {"config": {}, "var_wo_ddp": transformer, "vae_local": tokenizer, "var_opt": {"state": {}}}
    torch.save({"epoch": 1, "iter": 2, "args": {}, "trainer": trainer}, folder / "ar-ckpt-last.pth")
    return folder / "ar-ckpt-last.pth"


@cache
def infinity_weights() -> dict[str, Tensor]:
    """A transformer's under their official names, for seven scales."""
    names = ("text_proj_for_sos.", "text_proj_for_sos.ca.")
    model: Infinity = tiny_infinity.tiny_infinity(INFINITY_CONFIG)
    return {name.replace(*names): tensor for name, tensor in model.state_dict().items()}


def save_infinity(
    folder: Path, transformer: str = "infinity_125M_256x256.pth", vae: str = "infinity_vae_d16.pth"
) -> tuple[Path, Path]:
    """Transformer and autoencoder under the names of Infinity's files."""
    files = folder / transformer, folder / vae
    torch.save(infinity_weights(), files[0])
    torch.save({"vae": tiny_infinity.tiny_vae().state_dict()}, files[1])
    return files
