"""Which sizes are measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch

from scalingar.models.autoencoder.autoencoder import AutoencoderConfig
from scalingar.models.infinity.bsq_vae import bsq_config
from scalingar.models.infinity.config import InfinityConfig
from scalingar.models.infinity.schedules import InfinitySchedule, infinity_schedule
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.vq import VQConfig
from scalingar.models.var.config import VARConfig
from scalingar.models.var.multiscale_vq import MultiScaleVQConfig


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Models and counts."""

    llamagen: dict[str, LlamaGenConfig]
    main: str
    """The LlamaGen of the parts that measure only one."""
    rows: tuple[int, ...]
    """Of the cache: conditional and unconditional ones."""
    compiled: dict[str, tuple[int, ...]]
    """Sizes and rows that are compiled too."""
    vq: VQConfig
    trajectories: int
    janus: dict[str, Any]
    """Sections of a ``JanusConfig``."""
    var: VARConfig
    var_tokenizer: MultiScaleVQConfig
    infinity: InfinityConfig
    infinity_schedule: InfinitySchedule
    infinity_vae: AutoencoderConfig
    reward: dict[str, Any]
    """A ``CLIPVisionConfig`` and a ``CLIPTextConfig``."""
    feature: dict[str, Any]
    """A ``Dinov2WithRegistersConfig``."""
    dtype: torch.dtype = torch.bfloat16
    repeats: int = 3
    copied: int = 2**31
    """Bytes of the copy that measures the memory's speed."""
    profiled_rows: int = 16
    kinds: tuple[str, ...] = ("eager", "captured", "compiled")
    stepped: tuple[str, ...] = ("B", "L", "XL", "3B")
    """Sizes of LlamaGen whose steps are timed."""

    def only(self, sizes: Sequence[str] | None, rows: Sequence[str] | None, kinds: Sequence[str] | None) -> Self:
        """With these sizes, rows and kinds of steps; None: all."""
        chosen = tuple(map(int, rows)) if rows else self.rows
        return replace(
            self,
            stepped=tuple(sizes or self.stepped),
            rows=chosen,
            compiled={name: tuple(set(every) & set(chosen)) for name, every in self.compiled.items()},
            kinds=tuple(kinds or self.kinds),
        )


GRID = (24, 24)
JANUS_PRO_1B: dict[str, Any] = {
    "text_config": {
        "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 24, "num_attention_heads": 16,
        "num_key_value_heads": 16, "vocab_size": 102400, "max_position_embeddings": 16384, "rms_norm_eps": 1e-6,
    },
    # One of the 24 layers of its eyes, which draw nothing.
    "vision_config": {
        "hidden_size": 1024, "num_hidden_layers": 1, "num_attention_heads": 16, "image_size": 384, "patch_size": 16,
        "projection_dim": 2048, "num_image_tokens": 576,
    },
    "vq_config": {
        "embed_dim": 8, "num_embeddings": 16384, "latent_channels": 256, "base_channels": 128,
        "channel_multiplier": [1, 1, 2, 2, 4], "num_res_blocks": 2, "num_patches": 24, "projection_dim": 2048,
        "image_token_embed_dim": 2048,
    },
}  # fmt: skip

PUBLISHED = Sizes(
    llamagen={size: LlamaGenConfig.published(size, GRID, "text") for size in ("B", "L", "XL", "3B")},
    main="XL",
    rows=(2, 16, 64),
    compiled={"B": (2, 16), "XL": (16,)},
    vq=VQConfig(),
    trajectories=8,
    janus=JANUS_PRO_1B,
    var=VARConfig.published("d30"),
    var_tokenizer=MultiScaleVQConfig(),
    infinity=InfinityConfig.published("2B"),
    infinity_schedule=infinity_schedule(),
    infinity_vae=bsq_config(32),
    reward={"vision_config": {}, "text_config": {}},  # transformers' defaults are ViT-B/32
    feature={
        "hidden_size": 384,
        "num_hidden_layers": 12,
        "num_attention_heads": 6,
        "image_size": 518,
        "patch_size": 14,
    },
)  # fmt: skip

_NARROW = {"layers": 2, "heads": 2, "dim": 32, "hidden": 64, "vocab_size": 64, "caption_dim": 16}
_TINY = LlamaGenConfig.published("B", (4, 4), "text").model_copy(update={**_NARROW, "condition_tokens": 6})
_SIDES = (1, 2, 3, 4, 5, 6, 8)
_TOWER = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}

TINY = Sizes(
    llamagen={"B": _TINY, "XL": _TINY},
    main="XL",
    rows=(2, 8),
    compiled={},
    vq=VQConfig(codebook_size=64, channels=32, channel_mult=(1, 1), z_channels=8, res_blocks=1),
    trajectories=4,
    janus={
        "text_config": {**_TOWER, "num_key_value_heads": 2, "vocab_size": 40, "max_position_embeddings": 256},
        "vision_config": {
            "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 16, "patch_size": 4,
            "projection_dim": 16, "num_image_tokens": 16,
        },
        "vq_config": {
            "embed_dim": 4, "num_embeddings": 24, "latent_channels": 8, "base_channels": 32,
            "channel_multiplier": [1, 1], "num_res_blocks": 1, "num_patches": 4, "projection_dim": 16,
            "image_token_embed_dim": 16,
        },
    },
    var=VARConfig(layers=2, heads=2, dim=32, hidden=64, sides=_SIDES, vocab_size=64, code_dim=8),
    var_tokenizer=MultiScaleVQConfig(
        channels=32, channel_mult=(1, 2), z_channels=8, res_blocks=1, codebook_size=64, sides=_SIDES
    ),
    infinity=InfinityConfig(layers=2, dim=32, heads=2, hidden=64, bits=8, pool_heads=4, text_dim=16),
    infinity_schedule=InfinitySchedule(tuple((side, side) for side in (1, 1, 2, 2, 3, 3, 4)), (8, 8)),
    infinity_vae=AutoencoderConfig(
        channels=32, channel_mult=(1, 1, 1, 1, 1), z_channels=8, res_blocks=1, attention=False
    ),
    reward={
        "vision_config": {**_TOWER, "image_size": 32, "patch_size": 16},
        "text_config": {**_TOWER, "vocab_size": 64},
        "projection_dim": 8,
    },
    feature={"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 224, "patch_size": 14},
    repeats=1,
    copied=2**20,
    profiled_rows=8,
)  # fmt: skip
"""Of every model one that runs in a second on a CPU."""
