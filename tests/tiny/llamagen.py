"""Models small enough for any test: random weights from a seed, built in milliseconds."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.trajectories import Trajectories
from scalingar.doctor.selftest import CONFIG
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.llamagen.vq import VQConfig, VQTokenizer

WORDS_CONFIG = CONFIG.model_copy(
    update={
        "vocab_size": 16,
        "condition": "words",
        "condition_tokens": 5,
        "condition_vocab": 12,
        "condition_positions": "learned",
    }
)
"""Like the embedded model: words with ordinary positions."""

TEXT_CONFIG = WORDS_CONFIG.model_copy(update={"condition": "text", "caption_dim": 24, "condition_positions": "zero"})
"""Like LlamaGen's text-to-image models: T5 features, zero rotation."""

CLASS_CONFIG = WORDS_CONFIG.model_copy(
    update={"condition": "class", "condition_tokens": 1, "condition_positions": "zero"}
)
"""Like LlamaGen's class-conditional models: one label."""

VQ_CONFIG = VQConfig(
    codebook_size=16,
    codebook_dim=4,
    channels=8,
    channel_mult=(1, 2, 2),
    z_channels=8,
    res_blocks=1,
    norm="channel",
    attention=False,
)
"""16 x 16 pixels to the 4 x 4 codes of the transformers above."""


def tiny_llamagen(
    config: LlamaGenConfig = WORDS_CONFIG, *, seed: int = 0, collapse_prefix: bool | None = None
) -> LlamaGen:
    """A transformer whose logits are spread widely enough for conditions and history to matter."""
    model = LlamaGen(config, collapse_prefix=collapse_prefix)
    _randomise(model, seed)
    return model.eval()


def tiny_vq(config: VQConfig = VQ_CONFIG, *, seed: int = 0) -> VQTokenizer:
    """A tokenizer with random weights: its pictures are noise, but different for different codes."""
    model = VQTokenizer(config)
    _randomise(model, seed)
    return model.eval()


def tiny_decoder(model: LlamaGen | None = None, sampling: SamplingConfig | None = None) -> NextTokenDecoder:
    """The decoding loop around a tiny transformer."""
    return NextTokenDecoder(model=model or tiny_llamagen(), sampling=sampling or SamplingConfig())


def words(*prompts: tuple[int, ...], config: LlamaGenConfig = WORDS_CONFIG) -> Tensor:
    """Word ids ``(p, t)``, padded with zeros to the condition's length."""
    ids = torch.zeros(len(prompts), config.condition_tokens, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = torch.tensor(prompt)
    return ids


@torch.no_grad()
def _randomise(model: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if tensor.ndim == 1:
            tensor.fill_(0.0 if name.endswith("bias") else 1.0)
        else:
            fan_in = 1 if "embedding" in name or name.endswith("position") else tensor[0].numel()
            tensor.normal_(0.0, fan_in**-0.5, generator=generator)


def decode(
    decoder: NextTokenDecoder,
    trajectories: Trajectories,
    guidance_scale: float | Callable[[int], float] = 3.0,
    *,
    until: int | None = None,
) -> Trajectories:
    """Draw and feed until ``until`` codes (all, by default) are drawn; logits of the next are ready.

    ``guidance_scale`` may depend on the number of the code about to be drawn.
    """
    end = trajectories.total_steps if until is None else until
    for place in range(int(trajectories.positions[0]), end):
        scale = guidance_scale(place) if callable(guidance_scale) else guidance_scale
        trajectories = trajectories.append(decoder.draw(trajectories, scale))
        if place + 1 < trajectories.total_steps:
            trajectories = decoder.advance(trajectories)
    return trajectories
