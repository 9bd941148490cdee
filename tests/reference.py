"""The stored outputs of the official code in ``tests/golden`` and the models they belong to."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scalingar.models.llamagen import Condition, LlamaGen, LlamaGenConfig, swiglu_width
from scalingar.models.vq import VQConfig, VQTokenizer

GOLDEN = Path(__file__).parent / "golden"
_BASIC = (
    *("dim", "heads", "layers", "n_cls", "grid"),
    *("vocab", "num_classes", "caption_dim", "multiple_of"),
)


@dataclass(frozen=True)
class Reference:
    """One file: its arrays, its weights under their official keys, and how they were made."""

    arrays: dict[str, Tensor]
    weights: dict[str, Tensor]
    config: dict[str, Any]

    def __getitem__(self, name: str) -> Tensor:
        return self.arrays[name]


def load(name: str) -> Reference:
    """The file ``tests/golden/<name>.npz``."""
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    if "meta" in arrays:
        config = dict(zip(_BASIC, arrays.pop("meta").tolist(), strict=True))
    else:
        meta = json.loads(str(arrays.pop("meta_json"))) if "meta_json" in arrays else {}
        config = meta.get("config", meta)
    tensors = {key: torch.from_numpy(value) for key, value in arrays.items()}
    return Reference(
        {key: value for key, value in tensors.items() if not key.startswith("w.")},
        {key[2:]: value for key, value in tensors.items() if key.startswith("w.")},
        config,
    )


def llamagen(reference: Reference) -> LlamaGen:
    """The transformer a file belongs to."""
    config = reference.config
    text = "emb_mask" in reference.arrays
    model = LlamaGen(
        LlamaGenConfig(
            layers=config["layers"],
            heads=config["heads"],
            dim=config["dim"],
            hidden=swiglu_width(config["dim"], config["multiple_of"]),
            grid=(config["grid"], config["grid"]),
            vocab_size=config["vocab"],
            condition="text" if text else "class",
            condition_tokens=config["n_cls"],
            condition_vocab=config.get("num_classes", 1),
            caption_dim=config.get("caption_dim", 1),
        )
    )
    model.load_state_dict(reference.weights)
    return model.eval()


def condition(model: LlamaGen, reference: Reference) -> Condition:
    """The labels or captions of a file, embedded."""
    if "emb_mask" in reference.arrays:
        return model.condition(reference["cond"], reference["emb_mask"])
    return model.condition(reference["cond"][:, None])


def vq(reference: Reference) -> VQTokenizer:
    """The tokenizer a file belongs to."""
    config = reference.config
    model = VQTokenizer(
        VQConfig(
            codebook_size=config["codebook_size"],
            codebook_dim=config["codebook_dim"],
            channels=config["ch"],
            channel_mult=tuple(config["ch_mult"]),
            z_channels=config["z"],
        )
    )
    weights = dict(reference.weights)
    weights.pop("quantize.codebook_used")
    model.load_state_dict(weights)
    return model.eval()
