"""Janus and Emu3 small enough for any test: transformers' classes, random weights, a tokenizer of whole words."""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import (
    Emu3Config,
    Emu3ForConditionalGeneration,
    Emu3TextConfig,
    JanusConfig,
    JanusForConditionalGeneration,
    JanusVisionConfig,
    JanusVQVAEConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
)
from transformers.models.emu3 import Emu3VQVAEConfig

WORDS = ("a", "red", "apple", "left", "of", "dog", "lowres")
TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "attention_dropout": 0.0,
    "max_position_embeddings": 256,
}


def tiny_janus(*, seed: int = 0) -> JanusForConditionalGeneration:
    """4 x 4 codes of 24, two pixels each; bos 1, pad 2, begin of image 3."""
    ids: dict[str, Any] = {"bos_token_id": 1, "pad_token_id": 2, "eos_token_id": 0}
    network = JanusForConditionalGeneration(
        JanusConfig(
            text_config=LlamaConfig(**TEXT, **ids, vocab_size=40),
            vision_config=JanusVisionConfig(
                hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=4,
                projection_dim=32, num_image_tokens=16,
            ),
            vq_config=JanusVQVAEConfig(
                embed_dim=4, num_embeddings=24, latent_channels=8, base_channels=32, channel_multiplier=[1, 1],
                num_res_blocks=1, projection_dim=32, image_token_embed_dim=32,
            ),
        )
    )  # fmt: skip
    network.generation_config.update(**ids, guidance_scale=5)
    generation: Any = network.generation_config
    generation.generation_kwargs = {"boi_token_id": 3}  # as the published file has it
    return _randomised(network, seed)


def tiny_emu3(*, seed: int = 0, scattered: bool = False) -> Emu3ForConditionalGeneration:
    """Codes of 24, two pixels each, words 30 .. 53 of the vocabulary; ``scattered``: every other word, backwards."""
    words = range(80, 32, -2) if scattered else range(30, 54)
    names = {f"<|visual token {code:06d}|>": word for code, word in enumerate(words)}
    special = {"<image>": 20, "<|extra_200|>": 21, "<|extra_201|>": 22, "<|image end|>": 23}
    ids: dict[str, Any] = {"bos_token_id": 24, "pad_token_id": 25, "eos_token_id": 26}
    network = Emu3ForConditionalGeneration(
        Emu3Config(
            text_config=Emu3TextConfig(**TEXT, **ids, vocab_size=90),
            vq_config=Emu3VQVAEConfig(
                codebook_size=24, embed_dim=4, latent_channels=4, base_channels=32, channel_multiplier=[1, 1],
                num_res_blocks=1, attn_resolutions=[], hidden_size=32,
            ),
            vocabulary_map={**special, **names},
        )
    )  # fmt: skip
    network.generation_config.update(**ids, guidance_scale=3.0, do_sample=True, top_k=7)
    return _randomised(network, seed)


def save_janus(folder: Path, network: JanusForConditionalGeneration | None = None) -> Path:
    """As a model folder with a tokenizer."""
    vocabulary = ["</s>", "<s>", "<pad>", "<begin_of_image>", "<|User|>:", "<|Assistant|>:", "<unk>", *WORDS]
    return _saved(folder, network or tiny_janus(), vocabulary, "<s>", "<pad>", {"boi_token": "<begin_of_image>"})


def save_emu3(folder: Path, network: Emu3ForConditionalGeneration | None = None) -> Path:
    """As a model folder with a tokenizer."""
    network = network or tiny_emu3()
    special = {22: "3*5", 23: "<unk>", 24: "<|extra_203|>", 25: "<|endoftext|>"}
    special |= {27: "<|image start|>", 28: "<|image token|>"}
    vocabulary = [*WORDS, *(special.get(i, f"word{i}") for i in range(len(WORDS), 30))]
    names = {"boi_token": "<|image start|>", "image_wrapper_token": "<|image token|>"}
    return _saved(folder, network, vocabulary, "<|extra_203|>", "<|endoftext|>", names)


def _saved(folder: Path, network: Any, vocabulary: list[str], bos: str, pad: str, names: dict[str, str]) -> Path:
    network.save_pretrained(folder)
    words = Tokenizer(WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    if "<|User|>:" in vocabulary:  # like Janus' own, it begins every text; Emu3's does not
        words.post_processor = TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, vocabulary.index(bos))])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", bos_token=bos, pad_token=pad, extra_special_tokens=names
    )
    fast.save_pretrained(folder)
    return folder


def read_config(folder: Path) -> dict[str, Any]:
    """What ``config.json`` says."""
    return dict(json.loads((folder / "config.json").read_text()))


def change_config(folder: Path, **settings: Any) -> None:
    """Overwrite entries of ``config.json``."""
    (folder / "config.json").write_text(json.dumps({**read_config(folder), **settings}))


@torch.no_grad()
def _randomised(network: Any, seed: int) -> Any:
    """Logits spread widely enough for prompts and history to matter; norms keep their scale."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in network.state_dict().values():
        if tensor.ndim > 1:
            tensor.normal_(0.0, 1.5 * tensor[0].numel() ** -0.5, generator=generator)
    return network.eval()
