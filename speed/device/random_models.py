"""Models of random weights, made where they run: three billion numbers take a minute on a processor."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.infinity.bsq_vae import BSQVae
from scalingar.models.infinity.released import pair
from scalingar.models.infinity.transformer import Infinity
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.llamagen.vq import VQTokenizer
from scalingar.models.prompts.encoders import LabelEncoder, PromptEncoder
from scalingar.models.var.multiscale_vq import MultiScaleVQ
from scalingar.models.var.transformer import VAR
from scalingar.pipeline.pipeline import ImagePipeline
from speed.device.sizes import Sizes

ModuleT = TypeVar("ModuleT", bound=nn.Module)
WORDS = 20
"""Tokens of a prompt."""


def made_on(device: torch.device, make: Callable[[], ModuleT], dtype: torch.dtype = torch.float32) -> ModuleT:
    """The module of ``make`` with weights of a seed: norms of one, no biases, everything else as wide as its inputs."""
    with torch.device(device):
        module = make()
    generator = torch.Generator(device).manual_seed(0)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if weight.ndim > 1:
                weight.normal_(0.0, weight[0].numel() ** -0.5, generator=generator)
            else:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)
    return module.to(device, dtype).eval().requires_grad_(False)


def texts(width: int, slots: int) -> PromptEncoder:
    """In place of T5: features of :data:`WORDS` tokens at the end of the slots, as LlamaGen has them."""

    def encode(prompts: list[str]) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        valid = torch.arange(slots) >= slots - WORDS
        return torch.randn(len(prompts), slots, width, generator=generator), valid.expand(len(prompts), -1)

    return encode


def llamagen_pipe(config: LlamaGenConfig, sizes: Sizes, device: torch.device) -> ImagePipeline:
    """Text-conditional, with its authors' guidance and top-k."""
    return ImagePipeline(
        name="random LlamaGen",
        model=made_on(device, lambda: LlamaGen(config), sizes.dtype),
        tokenizer=made_on(device, lambda: VQTokenizer(sizes.vq)),
        encode_prompts=texts(config.caption_dim, config.condition_tokens),
        guidance_scale=7.5,
        sampling=SamplingConfig(top_k=1000),
        own_reward="pmi",
        device=device,
    )


def var_pipe(sizes: Sizes, device: torch.device) -> ImagePipeline:
    """With its authors' guidance and filter."""
    return ImagePipeline(
        name="random VAR",
        model=made_on(device, lambda: VAR(sizes.var), sizes.dtype),
        tokenizer=made_on(device, lambda: MultiScaleVQ(sizes.var_tokenizer)),
        encode_prompts=LabelEncoder(1000),
        guidance_scale=5.0,
        sampling=SamplingConfig(top_k=900, top_p=0.95),
        device=device,
    )


def infinity_pipe(sizes: Sizes, device: torch.device) -> ImagePipeline:
    """Blocks in bf16, all else in fp32, as the released weights are loaded."""
    model = made_on(device, lambda: Infinity(sizes.infinity, sizes.infinity_schedule))
    model.blocks.to(sizes.dtype)
    return ImagePipeline(
        name="random Infinity",
        model=model,
        tokenizer=pair(model, made_on(device, lambda: BSQVae(sizes.infinity_vae))),
        encode_prompts=texts(sizes.infinity.text_dim, WORDS),
        guidance_scale=3.0,
        sampling=SamplingConfig(temperature=0.5, top_p=0.97),
        device=device,
    )


def janus_network(sizes: Sizes, device: torch.device) -> Any:
    """transformers' Janus, its image tokenizer in fp32; bos 1, padding 2, begin of image 3."""
    from transformers import (  # noqa: PLC0415
        JanusConfig,
        JanusForConditionalGeneration,
        JanusVisionConfig,
        JanusVQVAEConfig,
        LlamaConfig,
    )

    ids: dict[str, Any] = {"bos_token_id": 1, "pad_token_id": 2, "eos_token_id": 0}
    config = JanusConfig(
        text_config=LlamaConfig(**sizes.janus["text_config"], **ids),
        vision_config=JanusVisionConfig(**sizes.janus["vision_config"]),
        vq_config=JanusVQVAEConfig(**sizes.janus["vq_config"]),
    )
    network: Any = made_on(device, lambda: JanusForConditionalGeneration(config), sizes.dtype)
    network.model.vqmodel.float()
    network.generation_config.update(**ids, guidance_scale=5, do_sample=True)
    network.generation_config.generation_kwargs = {"boi_token_id": 3}
    return network


def janus_pipe(network: Any, device: torch.device) -> ImagePipeline:
    """Our loop around the same network; the prompt is the same :data:`WORDS` tokens every time."""
    from scalingar.models.hf.janus import Janus, JanusImages  # noqa: PLC0415

    def encode(prompts: list[str]) -> tuple[Tensor, None]:
        return prompt_ids().expand(len(prompts), -1), None

    return ImagePipeline(
        name="random Janus",
        model=Janus(network=network, kept=(1, 3), padding=2),
        tokenizer=JanusImages(network),
        encode_prompts=encode,
        guidance_scale=5.0,
        sampling=SamplingConfig(),
        device=device,
    )


def prompt_ids() -> Tensor:
    """Ids ``(1, t)`` from begin of sequence to begin of image."""
    return torch.tensor([[1, *range(5, 3 + WORDS), 3]])
