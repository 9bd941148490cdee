"""Every family as a pipeline of random weights on a device. All read the prompts ``3``, ``1`` and ``4``."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.outputs import Candidate
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.infinity.released import pair
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.prompts.encoders import LabelEncoder, PromptEncoder
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny import infinity as tiny_infinity
from tests.tiny import llamagen as tiny
from tests.tiny import scale_pipes
from tests.tiny import var as tiny_var

PROMPTS = ("3", "1", "4")
Make = Callable[[str, torch.dtype], ImagePipeline]


def random_pipe(
    name: str, device: str, model: Any, tokenizer: Any, encode: PromptEncoder, **options: Any
) -> ImagePipeline:
    """Guided at 3, plain sampling."""
    options = {"guidance_scale": 3.0, "sampling": SamplingConfig(), "own_reward": "confidence", **options}
    return ImagePipeline(name=name, model=model, tokenizer=tokenizer, encode_prompts=encode, device=device, **options)


def llamagen(
    encode: PromptEncoder,
    config: LlamaGenConfig,
    device: str,
    dtype: torch.dtype,
    sampling: SamplingConfig | None = None,
) -> ImagePipeline:
    """A LlamaGen of some configuration with a tokenizer of stride 4."""
    model = tiny.tiny_llamagen(config).requires_grad_(False).to(device, dtype)
    tokenizer = tiny.tiny_vq().requires_grad_(False).to(device)
    return random_pipe("llamagen", device, model, tokenizer, encode, sampling=sampling or SamplingConfig())


def captions(prompts: list[str]) -> tuple[Tensor, Tensor]:
    """Features of one to five tokens, padded on the left as LlamaGen's are."""
    features, mask = torch.zeros(len(prompts), 5, 24), torch.zeros(len(prompts), 5, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        valid = 1 + int(prompt) % 5
        mask[row, -valid:] = True
        generator = torch.Generator().manual_seed(int(prompt))
        features[row, -valid:] = torch.randn(valid, 24, generator=generator)
    return features, mask


def llamagen_class(device: str, dtype: torch.dtype) -> ImagePipeline:
    """With top-k, which keeps 9 of 16 codes."""
    return llamagen(LabelEncoder(5), tiny.CLASS_CONFIG, device, dtype, SamplingConfig(top_k=9))


def llamagen_text(device: str, dtype: torch.dtype) -> ImagePipeline:
    return llamagen(captions, tiny.TEXT_CONFIG, device, dtype)


def var(device: str, dtype: torch.dtype) -> ImagePipeline:
    model = tiny_var.tiny_var(scale_pipes.VAR_CONFIG).requires_grad_(False).to(device, dtype)
    config = tiny_var.TOKENIZER_CONFIG.model_copy(update={"sides": scale_pipes.SIDES})
    tokenizer = tiny_var.tiny_tokenizer(config).requires_grad_(False).to(device)
    return random_pipe("var", device, model, tokenizer, LabelEncoder(5))


def infinity(device: str, dtype: torch.dtype) -> ImagePipeline:
    """As the released ones are loaded: blocks in ``dtype``, everything else in fp32."""
    model = tiny_infinity.tiny_infinity(scale_pipes.INFINITY_CONFIG, scale_pipes.SCHEDULE).to(device)
    model.blocks.to(dtype)
    tokenizer = pair(model, tiny_infinity.tiny_vae().to(device))
    sampling = SamplingConfig(temperature=0.5, top_p=0.97)
    return random_pipe("infinity", device, model, tokenizer, scale_pipes.read_texts, sampling=sampling)


def token_ids(prompts: list[str]) -> tuple[Tensor, Tensor]:
    """Prompts of different lengths, padded on the left, that end with begin-of-image."""
    rows = [[1, *(5 + int(prompt) + i for i in range(1 + int(prompt))), 3] for prompt in prompts]
    longest = max(map(len, rows))
    ids = torch.tensor([[2] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[i >= longest - len(row) for i in range(longest)] for row in rows])
    return ids, mask


@cache
def networks() -> tuple[Any, Any]:
    """Of Janus and Emu3, made once: their biases are the global generator's."""
    from tests.tiny.hf import tiny_emu3, tiny_janus

    return tiny_janus(), tiny_emu3()


def janus(device: str, dtype: torch.dtype) -> ImagePipeline:
    from scalingar.models.hf.janus import Janus, JanusImages

    network = deepcopy(networks()[0]).requires_grad_(False).to(device, dtype)
    network.model.vqmodel.float()
    model = Janus(network=network, kept=(1, 3), padding=2)
    return random_pipe("janus", device, model, JanusImages(network), token_ids)


def emu3(device: str, dtype: torch.dtype) -> ImagePipeline:
    from scalingar.models.hf.emu3 import Emu3, Emu3Images

    network = deepcopy(networks()[1]).requires_grad_(False).to(device, dtype)
    network.model.vqmodel.float()
    model = Emu3(network=network, grid=(4, 4))
    return random_pipe("emu3", device, model, Emu3Images(network), token_ids, sampling=SamplingConfig(top_k=7))


def simplear(device: str, dtype: torch.dtype) -> ImagePipeline:
    """64 000 codes; its decoder of video is replaced."""
    from scalingar.models.simplear.simplear import SimpleAR
    from tests.tiny.simplear import WORDS, tiny_network

    network: Any = tiny_network()
    network = network.requires_grad_(False).to(device, dtype)
    model = SimpleAR(network=network, grid=(3, 3), first=WORDS, negative=torch.tensor([2, 12, 3]))
    return random_pipe("simplear", device, model, Grey(64_000), token_ids, sampling=SamplingConfig(top_k=50))


def glm_image(device: str, dtype: torch.dtype) -> ImagePipeline:
    """A preview of 3 x 2 codes, then 2 x 3; its decoder by diffusion is replaced."""
    from scalingar.models.glm_image.transformer import GlmImage
    from tests.tiny.glm_image import BEGIN, CODES, tiny_glm_image
    from tests.tiny.glm_pipe import GRID, PREVIEW, read

    network: Any = tiny_glm_image()
    network = network.requires_grad_(False).to(device, dtype)
    model = GlmImage(network=network, grid=GRID, preview=PREVIEW, empty=torch.tensor([33, BEGIN]))
    return random_pipe("glm-image", device, model, Grey(CODES), read)


@dataclass(frozen=True)
class Grey:
    """An image tokenizer: a code is a grey patch of 4 x 4 pixels."""

    count: int
    downsample: int = 4

    def decode(self, codes: Int[Tensor, "n t"], grid: tuple[int, int]) -> Float[Tensor, "n 3 H W"]:
        grey = 2 * codes.unflatten(1, grid).float() / (self.count - 1) - 1
        return grey.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, None].repeat(1, 3, 1, 1)


FAMILIES: dict[str, Make] = {
    "llamagen-class": llamagen_class,
    "llamagen-text": llamagen_text,
    "var": var,
    "infinity": infinity,
    "janus": janus,
    "emu3": emu3,
    "glm-image": glm_image,
    "simplear": simplear,
}


def graphs(pipe: ImagePipeline, on: bool) -> ImagePipeline:
    """The pipeline with captured steps or without; models that capture nothing stay as they are."""
    if hasattr(pipe.model, "cuda_graphs"):
        object.__setattr__(pipe.model, "cuda_graphs", on)  # some models are frozen
    return pipe


def codes(output: ImageOutput) -> list[list[list[int]]]:
    """Of every image's trajectories, flat."""
    return [[candidate.codes.flatten().tolist() for candidate in some] for some in output.candidates]


def rows(output: ImageOutput) -> Int[Tensor, "n t"]:
    """The codes of all trajectories that are complete."""
    return torch.tensor([row for some in codes(output) for row in some])


def candidates(output: ImageOutput) -> list[Candidate]:
    """Of all images."""
    return [candidate for some in output.candidates for candidate in some]
