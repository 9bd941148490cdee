"""SimpleAR small enough for any test: transformers' Qwen2, and a decoder of video saved as TorchScript."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from scalingar.models.simplear.frame_decoder import CODES
from tests.tiny.hf import TEXT

FRAME = ("<|t2i|>", "<|soi|>")
WORDS = 256 + 1 + len(FRAME)
"""Of text: the bytes, a special one of Qwen2's, and the two that frame a prompt."""
WIDTHS, LATENT, BLOCKS, PATCH = (4, 6, 6), 5, 2, 4


def tiny_network(*, seed: int = 0) -> Qwen2ForCausalLM:
    """Text words first, then all 64 000 codes."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Qwen2ForCausalLM(Qwen2Config(**TEXT, vocab_size=WORDS + CODES, tie_word_embeddings=True))
        with torch.no_grad():
            for tensor in network.parameters():
                if tensor.ndim > 1:
                    tensor.normal_(0.0, 1.5 * tensor[0].numel() ** -0.5)
    return network.eval()


def published_decoder(*, seed: int = 0) -> dict[str, Tensor]:
    """The official names and shapes: convolutions in three dimensions, idle ones among them."""
    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, Tensor] = {}

    def conv(name: str, c_in: int, c_out: int, *kernel: int) -> None:
        weights[f"{name}.conv3d.weight"] = torch.randn(c_out, c_in, *kernel, generator=generator) / (3 * c_in) ** 0.5
        weights[f"{name}.conv3d.bias"] = torch.randn(c_out, generator=generator) / 10

    def norm(name: str, channels: int) -> None:
        weights[f"{name}.norm.weight"] = 1 + torch.randn(channels, generator=generator) / 10
        weights[f"{name}.norm.bias"] = torch.randn(channels, generator=generator) / 10

    def pair(name: str, c_in: int, c_out: int) -> None:
        conv(f"{name}.0", c_in, c_out, 1, 3, 3)
        conv(f"{name}.1", c_out, c_out, 3, 1, 1)

    def block(name: str, c_in: int, c_out: int) -> None:
        norm(f"{name}.norm1", c_in)
        norm(f"{name}.norm2", c_out)
        pair(f"{name}.conv1", c_in, c_out)
        pair(f"{name}.conv2", c_out, c_out)
        if c_in != c_out:
            conv(f"{name}.nin_shortcut", c_in, c_out, 1, 1, 1)

    last = WIDTHS[-1]
    conv("post_quant_conv", 6, LATENT, 1, 1, 1)
    pair("decoder.conv_in", LATENT, last)
    for part in ("block_1", "block_2"):
        block(f"decoder.mid.{part}", last, last)
    for part in "01":
        norm(f"decoder.mid.attn_1.{part}.norm", last)
        for layer in ("q", "k", "v", "proj_out"):
            conv(f"decoder.mid.attn_1.{part}.{layer}", last, last, 1, 1, 1)
    for level, width in enumerate(WIDTHS):
        for j in range(BLOCKS):
            block(f"decoder.up.{level}.block.{j}", WIDTHS[min(level + 1, 2)] if j == 0 else width, width)
        if level:
            up = f"decoder.up.{level}.upsample"
            conv(f"{up}.conv1", width, width, 3, 1, 1)
            conv(f"{up}.conv2", width, width, 1, 3, 3)
            conv(f"{up}.conv3", width, width, 1, 1, 1)
    norm("decoder.norm_out", WIDTHS[0])
    pair("decoder.conv_out", WIDTHS[0], 3 * PATCH**3)
    weights["decoder.unpatcher3d.wavelets"] = torch.ones(2)
    weights["inv_quant.quantizer._levels"] = torch.tensor([8, 8, 8, 5, 5, 5], dtype=torch.int32)
    return weights


def save_archive(path: Path, weights: dict[str, Tensor]) -> Path:
    """As a TorchScript archive with the modules that the names say."""
    root = nn.Module()
    for name, tensor in weights.items():
        *parents, leaf = name.split(".")
        module = root
        for part in parents:
            if part not in module._modules:
                module.add_module(part, nn.Module())
            module = module.get_submodule(part)
        module.register_buffer(leaf, tensor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript, in which the decoder is published
        torch.jit.save(torch.jit.script(root), path)
    return path


def save_simplear(folder: Path) -> Path:
    """As a model folder with a tokenizer and the decoder beside it."""
    tiny_network().save_pretrained(folder)
    vocabulary = {word: number for number, word in enumerate((*bytes_to_unicode().values(), "<|endoftext|>", *FRAME))}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": list(FRAME)})
    tokenizer.save_pretrained(folder)
    save_archive(folder / "decoder.jit", published_decoder())
    return folder
