"""Reward networks small enough for any test, saved the way their authors publish them."""

import json
import string
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tests.upstream import reference

WORDS = ("a", "cat", "dog", "red", "on", "the", "mat", "and")
CLIP_VOCABULARY = (*string.ascii_lowercase, *(f"{letter}</w>" for letter in string.ascii_lowercase))


def pictures(*sizes: tuple[int, int]) -> list[Image.Image]:
    """Noise of some sizes, width first."""
    generator = np.random.default_rng(0)
    return [Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8)) for width, height in sizes]


def save_tiny_image_reward(folder: Path, *, vocabulary: int = 118) -> Path:
    """The golden file's weights as ``ImageReward.pt`` beside a ``vocab.txt``; with its two marks BLIP has 120 words."""
    torch.save(dict(reference.load("imagereward_tiny").weights), folder / "ImageReward.pt")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    words += [f"unused{number}" for number in range(vocabulary - len(words))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    return folder


def save_clip_tokenizer(folder: Path) -> Path:
    """Every letter is a token; the marks are the last two ids, as in CLIP."""
    tokens = (*CLIP_VOCABULARY, "<|startoftext|>", "<|endoftext|>")
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return folder


def save_tiny_clip(folder: Path, *, activation: str = "quick_gelu", seed: int = 0) -> Path:
    """Random weights in transformers' folder, with the tokenizer."""
    from transformers import CLIPConfig, CLIPModel

    size = len(CLIP_VOCABULARY) + 2
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    shared = {**sizes, "projection_dim": 16, "hidden_act": activation}
    marks = {"bos_token_id": size - 2, "eos_token_id": size - 1}
    config = CLIPConfig(
        text_config={**shared, "vocab_size": size, **marks},
        vision_config={**shared, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = CLIPModel(config)
    network.save_pretrained(folder)
    return save_clip_tokenizer(folder)


def save_tiny_dinov2(folder: Path) -> Path:
    """Random weights in transformers' folder, with three registers."""
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    config = Dinov2WithRegistersConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=224,
        patch_size=14,
        num_register_tokens=3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        Dinov2WithRegistersModel(config).save_pretrained(folder)
    return folder


class Block(nn.Module):
    """A residual block as open_clip writes it, with torch's own attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 2 * width), "c_proj": nn.Linear(2 * width, width)})

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Before-norm attention and MLP with exact GELU."""
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, attn_mask=mask, need_weights=False)[0]
        return x + self.mlp["c_proj"](nn.functional.gelu(self.mlp["c_fc"](self.ln_2(x))))


def blocks(width: int, heads: int, layers: int) -> nn.Module:
    """Under the name ``resblocks``."""
    return nn.ModuleDict({"resblocks": nn.ModuleList(Block(width, heads) for _ in range(layers))})


class Tower(nn.Module):
    """open_clip's picture tower."""

    def __init__(self, width: int, heads: int, side: int, patch: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn((side // patch) ** 2 + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = blocks(width, heads, 2)
        self.proj = nn.Parameter(torch.randn(width, out))

    def forward(self, pixels: Tensor) -> Tensor:
        """The projected class token."""
        x = self.conv1(pixels).flatten(2).mT
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], 1) + self.positional_embedding
        x = self.ln_pre(x)
        for block in self.transformer["resblocks"]:  # type: ignore[index]
            x = block(x)
        return self.ln_post(x[:, 0]) @ self.proj


class OpenClip(nn.Module):
    """A CLIP with open_clip's names, written for these tests from its state dict's shapes."""

    def __init__(self, *, heads: int = 4, out: int = 16) -> None:
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.randn(77, 32))
        self.text_projection = nn.Parameter(torch.randn(32, out))
        self.logit_scale = nn.Parameter(torch.tensor(3.0))
        self.visual = Tower(64, heads, 32, 8, out)
        self.transformer = blocks(32, heads, 3)
        self.token_embedding = nn.Embedding(len(CLIP_VOCABULARY) + 2, 32)
        self.ln_final = nn.LayerNorm(32)

    def text(self, ids: Tensor) -> Tensor:
        """The projected feature of the end of the text, which has the highest id."""
        x = self.token_embedding(ids) + self.positional_embedding[: ids.shape[1]]
        mask = torch.full((ids.shape[1], ids.shape[1]), -torch.inf).triu(1)
        for block in self.transformer["resblocks"]:  # type: ignore[index]
            x = block(x, mask)
        return self.ln_final(x)[torch.arange(len(ids)), ids.argmax(-1)] @ self.text_projection


def tiny_open_clip(*, heads: int = 4, seed: int = 0) -> OpenClip:
    """Random, norms and biases too."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = OpenClip(heads=heads)
        with torch.no_grad():
            for name, weight in network.named_parameters():
                if weight.ndim == 1:
                    weight.copy_(torch.randn_like(weight) * 0.1 + ("ln_" in name and name.endswith("weight")))
    return network.eval()
