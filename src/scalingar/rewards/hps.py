"""Human Preference Score v2 and v2.1 (arXiv 2306.09341): open_clip's ViT-H-14, fine-tuned on human choices."""

import re
from collections.abc import Iterator, Mapping
from math import isqrt
from pathlib import Path
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.hf.clip_pixels import padded
from scalingar.models.weights.build_module import empty_transformers
from scalingar.models.weights.checkpoint import read_weights
from scalingar.models.weights.fitting import fit_weights
from scalingar.models.weights.shapes import numbered
from scalingar.rewards.clip_towers import ClipReward
from scalingar.rewards.reward import REWARDS

HEADS = 16
"""Heads of both towers of ViT-H-14, which shapes do not determine."""

_RENAMED = (
    (r"^visual\.class_embedding$", "vision_model.embeddings.class_embedding"),
    (r"^visual\.positional_embedding$", "vision_model.embeddings.position_embedding.weight"),
    (r"^visual\.conv1\.", "vision_model.embeddings.patch_embedding."),
    (r"^visual\.ln_pre\.", "vision_model.pre_layrnorm."),
    (r"^visual\.ln_post\.", "vision_model.post_layernorm."),
    (r"^visual\.proj$", "visual_projection.weight"),
    (r"^visual\.transformer\.resblocks\.", "vision_model.encoder.layers."),
    (r"^transformer\.resblocks\.", "text_model.encoder.layers."),
    (r"^token_embedding\.", "text_model.embeddings.token_embedding."),
    (r"^positional_embedding$", "text_model.embeddings.position_embedding.weight"),
    (r"^ln_final\.", "text_model.final_layer_norm."),
    (r"^text_projection$", "text_projection.weight"),
    (r"\.ln_([12])\.", r".layer_norm\1."),
    (r"\.attn\.", ".self_attn."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
)
_TRANSPOSED = ("visual.proj", "text_projection")
"""Matrices that open_clip stores transposed."""


class HPS(ClipReward):
    """Cosine in a ViT-H-14 fine-tuned on human choices between images."""

    repo: ClassVar[str] = "xswu/HPSv2"
    tokenizer_repo: ClassVar[str] = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
    activation: ClassVar[str] = "gelu"

    def prepare(self) -> None:
        """Raises WeightsError if something is missing, ConfigError for the file of another version."""
        super().prepare()
        for other in (HPSv2, HPSv21):
            if other.file != self.file and Path(self.location).name == other.file:
                version = REWARDS.name_of(other)
                raise ConfigError(f"{self.location} holds {version}, not {self.name}; ask for the reward {version!r}.")

    def load(self, location: str | Path) -> Any:
        """From the authors' file or a folder in transformers' format. Raises WeightsError."""
        if Path(location).is_file():
            return from_open_clip(read_weights(location), location, heads=HEADS, device=self.device, dtype=self.dtype)
        return super().load(location)

    def to_square(self, picture: Image.Image, side: int) -> Image.Image:
        """The whole image, padded with black: HPSv2 does not crop."""
        return padded(picture, side)


@REWARDS.register("hps-v2")
class HPSv2(HPS):
    """HPS v2.0: people's choices, about 0.2 to 0.3; not comparable with v2.1; reads 77 tokens."""

    file: ClassVar[str | None] = "HPS_v2_compressed.pt"


@REWARDS.register("hps-v2.1")
class HPSv21(HPS):
    """HPS v2.1: people's choices, about 0.15 to 0.35; not comparable with v2.0; reads 77 tokens."""

    file: ClassVar[str | None] = "HPS_v2.1_compressed.pt"


def from_open_clip(
    weights: Mapping[str, Tensor],
    path: str | Path,
    *,
    heads: int,
    activation: str = "gelu",
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Any:
    """A ``CLIPModel`` with the weights of an open_clip state dict, with sizes from its shapes.

    Raises:
        WeightsError: not a CLIP of open_clip, or names are missing or unused.
    """
    from transformers import CLIPConfig, CLIPModel  # noqa: PLC0415

    try:
        text, vision = _text_sizes(weights), _vision_sizes(weights)
    except (KeyError, IndexError, ValueError) as error:
        raise WeightsError(f"{path} lacks {error}; it is no weight file of open_clip's CLIP.") from None
    width = text["projection_dim"]
    shared = {"num_attention_heads": heads, "hidden_act": activation, "projection_dim": width}
    config = CLIPConfig(text_config=text | shared, vision_config=vision | shared, projection_dim=width)
    with empty_transformers():
        network: Any = CLIPModel(config)
    renamed = dict(_renamed(weights))
    return fit_weights(network, renamed, path, dtype=dtype, device=device).to(device).eval().requires_grad_(False)


def _text_sizes(weights: Mapping[str, Tensor]) -> dict[str, int]:
    vocabulary, width = weights["token_embedding.weight"].shape
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "projection_dim": weights["text_projection"].shape[1],
        "max_position_embeddings": len(weights["positional_embedding"]),
        **_block_sizes(weights, "transformer.resblocks"),
        # The text feature is the one of the end token, which has the last id.
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
    }


def _vision_sizes(weights: Mapping[str, Tensor]) -> dict[str, int]:
    width, _, patch, _ = weights["visual.conv1.weight"].shape
    patches = len(weights["visual.positional_embedding"]) - 1
    sizes = {"hidden_size": width, "patch_size": patch, "image_size": isqrt(patches) * patch}
    return sizes | _block_sizes(weights, "visual.transformer.resblocks")


def _block_sizes(weights: Mapping[str, Tensor], blocks: str) -> dict[str, int]:
    inner = len(weights[f"{blocks}.0.mlp.c_fc.weight"])
    return {"num_hidden_layers": numbered(weights, blocks), "intermediate_size": inner}


def _renamed(weights: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """transformers' names, with open_clip's joint matrix of queries, keys and values split."""
    for name, tensor in weights.items():
        renamed = name
        for pattern, replacement in _RENAMED:
            renamed = re.sub(pattern, replacement, renamed)
        joined = re.fullmatch(r"(.*self_attn\.)in_proj_(weight|bias)", renamed)
        if joined is None:
            yield renamed, tensor.T if name in _TRANSPOSED else tensor
        else:
            for kind, rows in zip("qkv", tensor.chunk(3), strict=True):
                yield f"{joined[1]}{kind}_proj.{joined[2]}", rows
