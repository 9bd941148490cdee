"""Weight files as they are published, with the official code's small weights in them."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from scalingar.models.llamagen.vq import VQConfig
from tests.tiny import llamagen as tiny
from tests.upstream import reference

C2I = reference.load("llamagen_c2i")
T2I = reference.load("llamagen_t2i")
VQ = reference.load("llamagen_vq_m1224")
"""Has the 96 codes that T2I predicts."""

C2I_VQ_CONFIG = VQConfig(
    codebook_size=80, codebook_dim=4, channels=32, channel_mult=(1, 1), z_channels=32, res_blocks=1
)


def save_t2i(folder: Path) -> tuple[Path, Path]:
    """Transformer and tokenizer of a text-to-image model under their official names."""
    files = folder / "t2i_XL_stage1_256.pt", folder / "vq_ds16_t2i.pt"
    torch.save({"model": T2I.weights}, files[0])
    torch.save({"model": VQ.weights}, files[1])
    return files


def save_c2i(folder: Path) -> tuple[Path, Path]:
    """Those of a class-conditional one."""
    files = folder / "c2i_B_256.pt", folder / "vq_ds16_c2i.pt"
    torch.save({"model": C2I.weights}, files[0])
    torch.save({"model": tiny.tiny_vq(C2I_VQ_CONFIG).state_dict()}, files[1])
    return files


def save_ar_grpo(folder: Path) -> Path:
    """A folder as AR-GRPO publishes it: both models in one file."""
    both: dict[str, Tensor] = {}
    for prefix, weights in (("gpt_model.", T2I.weights), ("vq_model.", VQ.weights)):
        both |= {prefix + name: tensor for name, tensor in weights.items()}
    save_file(both, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "ImgGen_HF", "image_size": 64, "downsample_size": 8}')
    return folder


def read_captions(prompts: list[str]) -> tuple[Tensor, Tensor]:
    """In place of T5: features that depend on the prompt, and two or more valid slots."""
    mask = torch.zeros(len(prompts), 10, dtype=torch.bool)
    features = torch.zeros(len(prompts), 10, 32)
    for row, prompt in enumerate(prompts):
        valid = 2 + len(prompt) % 8
        mask[row, -valid:] = True
        generator = torch.Generator().manual_seed(len(prompt))
        features[row, -valid:] = torch.randn(valid, 32, generator=generator)
    return features, mask
