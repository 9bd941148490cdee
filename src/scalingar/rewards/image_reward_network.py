"""ImageReward's network, on transformers' BLIP, loaded strictly from the official state dict."""

import re
from collections.abc import Mapping
from math import isqrt
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import WeightsError
from scalingar.models.weights.build_module import empty_transformers
from scalingar.models.weights.fitting import fit_weights
from scalingar.models.weights.shapes import numbered

MEAN, STD = 0.16717362830052426, 1.0333394966054072
"""Of raw scores on the authors' validation set: a reward of 0 is average, 1 is one standard deviation better."""

_HEAD_WIDTH = 64
_MLP = (0, 2, 4, 6, 7)
"""Positions of the linear layers among dropout layers; there are no activations in between."""

_UNUSED = re.compile(r"blip\.(vision_proj|text_proj)\..*|blip\.text_encoder\.embeddings\.position_ids")
"""Weights for BLIP's contrastive training, and a constant."""

_RENAMED = (
    (r"^blip\.text_encoder\.", "text."),
    (r"^blip\.visual_encoder\.", "vision."),
    (r"^vision\.cls_token$", "vision.embeddings.class_embedding"),
    (r"^vision\.pos_embed$", "vision.embeddings.position_embedding"),
    (r"^vision\.patch_embed\.proj\.", "vision.embeddings.patch_embedding."),
    (r"^vision\.blocks\.", "vision.encoder.layers."),
    (r"^(vision\..*)\.attn\.qkv\.", r"\1.self_attn.qkv."),
    (r"^(vision\..*)\.attn\.proj\.", r"\1.self_attn.projection."),
    (r"^(vision\..*)\.norm([12])\.", r"\1.layer_norm\2."),
    (r"^vision\.norm\.", "vision.post_layernorm."),
    (r"^mlp\.layers\.", "mlp."),
)


class ImageRewardNetwork(nn.Module):
    """A text encoder with cross-attention to image patches; an MLP scores its first token."""

    def __init__(self, vision: Any, text: Any, widths: list[int]) -> None:
        super().__init__()
        self.vision = vision
        self.text = text
        layers = zip(_MLP, widths, widths[1:], strict=False)
        self.mlp = nn.ModuleDict({str(index): nn.Linear(wide, narrow) for index, wide, narrow in layers})

    @property
    def side(self) -> int:
        """Side of its square input images in pixels."""
        return int(self.vision.config.image_size)

    def embed(self, pixels: Float[Tensor, "n 3 s s"]) -> Float[Tensor, "n p d"]:
        """Features of the images: the class token, then the patches."""
        weight = self.vision.embeddings.class_embedding
        features: Tensor = self.vision(to_device(pixels, weight.device).to(weight.dtype)).last_hidden_state
        return features

    def read(
        self, ids: Int[Tensor, "n t"], patches: Float[Tensor, "n p d"], mask: Int[Tensor, "n t"] | None = None
    ) -> Float[Tensor, "n h"]:
        """The text encoder's first token, with cross-attention to the image; ``mask`` is 0 for padding."""
        # transformers builds cross-attention only for decoders; here it runs as an encoder.
        output = self.text(ids, attention_mask=mask, encoder_hidden_states=patches, is_decoder=False)
        first: Tensor = output.last_hidden_state[:, 0]
        return first

    def reward(self, features: Float[Tensor, "n h"]) -> Float[Tensor, " n"]:
        """ImageReward, section 3: the output of the MLP, standardised."""
        for layer in self.mlp.values():
            features = layer(features)
        return (features[:, 0].float() - MEAN) / STD


def build(
    weights: Mapping[str, Tensor],
    path: str | Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    text_heads: int | None = None,
    vision_heads: int | None = None,
) -> ImageRewardNetwork:
    """The network with an official state dict, whose shapes determine the sizes; heads are 64 wide unless given.

    Raises:
        WeightsError: it is no state dict of ImageReward, or names are missing or unused.
    """
    renamed = {_renamed(name): tensor for name, tensor in weights.items() if not _UNUSED.fullmatch(name)}
    try:
        configs = _vision_config(renamed, vision_heads), _text_config(renamed, text_heads)
        widths = [renamed["mlp.0.weight"].shape[1], *(len(renamed[f"mlp.{index}.weight"]) for index in _MLP)]
    except (KeyError, IndexError) as error:
        raise WeightsError(f"{path} lacks {error}; it is no weight file of ImageReward.") from None
    with empty_transformers():
        network = _empty(*configs, widths)
    return fit_weights(network, renamed, path, dtype=dtype, device=device).to(device).eval().requires_grad_(False)


def _empty(vision: dict[str, Any], text: dict[str, Any], widths: list[int]) -> ImageRewardNetwork:
    from transformers import BlipTextConfig, BlipTextModel, BlipVisionConfig, BlipVisionModel  # noqa: PLC0415

    reader = BlipTextModel(BlipTextConfig(**text), add_pooling_layer=False)
    return ImageRewardNetwork(BlipVisionModel(BlipVisionConfig(**vision)), reader, widths)


def _vision_config(weights: Mapping[str, Tensor], heads: int | None) -> dict[str, Any]:
    width, _, patch, _ = weights["vision.embeddings.patch_embedding.weight"].shape
    patches = weights["vision.embeddings.position_embedding"].shape[1] - 1
    return {
        "hidden_size": width,
        "intermediate_size": len(weights["vision.encoder.layers.0.mlp.fc1.weight"]),
        "num_hidden_layers": numbered(weights, "vision.encoder.layers"),
        "num_attention_heads": heads or max(1, width // _HEAD_WIDTH),
        "image_size": isqrt(patches) * patch,
        "patch_size": patch,
        "layer_norm_eps": 1e-6,
    }


def _text_config(weights: Mapping[str, Tensor], heads: int | None) -> dict[str, Any]:
    vocabulary, width = weights["text.embeddings.word_embeddings.weight"].shape
    layer = "text.encoder.layer.0"
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "encoder_hidden_size": weights[f"{layer}.crossattention.self.key.weight"].shape[1],
        "intermediate_size": len(weights[f"{layer}.intermediate.dense.weight"]),
        "num_hidden_layers": numbered(weights, "text.encoder.layer"),
        "num_attention_heads": heads or max(1, width // _HEAD_WIDTH),
        "max_position_embeddings": len(weights["text.embeddings.position_embeddings.weight"]),
        "layer_norm_eps": 1e-12,
        "is_decoder": True,
        "bos_token_id": None,  # prompts begin with [CLS]
    }


def _renamed(name: str) -> str:
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    return name
