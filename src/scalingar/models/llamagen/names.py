"""The names under which LlamaGen's weights are published, brought to those of the official files."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from scalingar.models.weights.containers import without_wrappers

TRANSFORMER_PARTS = ("gpt_model.",)
"""Prefixes of the transformer in files that hold several models (AR-GRPO)."""

TOKENIZER_PARTS = ("vq_model.", "gen_vision_model.")
"""Prefixes of the tokenizer in such files (AR-GRPO, Janus)."""

_CONSTANTS = re.compile(
    r"freqs_cis|causal_mask|quantize\.codebook_used|.*\.kv_cache\.[kv]_cache|.*rotary_emb\.inv_freq"
)
"""Tables and caches some files carry; they are computed, not learned."""

_LLAMA_NAMES = (
    (r"^model\.embed_tokens\.", "tok_embeddings."),
    (r"^lm_head\.", "output."),
    (r"^model\.", ""),
    (r"\.self_attn\.o_proj\.", ".attention.wo."),
    (r"\.mlp\.gate_proj\.", ".feed_forward.w1."),
    (r"\.mlp\.up_proj\.", ".feed_forward.w3."),
    (r"\.mlp\.down_proj\.", ".feed_forward.w2."),
    (r"\.input_layernorm\.", ".attention_norm."),
    (r"\.post_attention_layernorm\.", ".ffn_norm."),
)
_QUERY = ".self_attn.q_proj.weight"


def part(weights: Mapping[str, Tensor], prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """One model's tensors: those under the first prefix that occurs, else all; constants dropped.

    A reference model kept for training (``ref_model.``) is left behind.
    """
    prefix = next((p for p in prefixes if any(name.startswith(p) for name in weights)), "")
    # A part may have been wrapped by itself.
    own = {without_wrappers(name[len(prefix) :]): t for name, t in weights.items() if name.startswith(prefix)}
    return {
        name: tensor
        for name, tensor in own.items()
        if not _CONSTANTS.fullmatch(name.removeprefix("model.")) and not name.startswith("ref_model.")
    }


def from_llama_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """LANTERN's Llama-style names to the official ones; others pass through.

    Its rotary pairs are adjacent like LlamaGen's, so queries, keys and values are joined as they are.
    """
    if "model.embed_tokens.weight" not in weights:
        return dict(weights)
    renamed: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if name.endswith(_QUERY):
            stem = name.removesuffix(_QUERY)
            joined = [weights.get(f"{stem}.self_attn.{p}_proj.weight") for p in "qkv"]
            known = [t for t in joined if t is not None]
            renamed[f"{_renamed(stem + '.')}attention.wqkv.weight"] = torch.cat(known)
        elif not name.endswith((".self_attn.k_proj.weight", ".self_attn.v_proj.weight")):
            renamed[_renamed(name)] = tensor
    return renamed


def _renamed(name: str) -> str:
    for pattern, official in _LLAMA_NAMES:
        name = re.sub(pattern, official, name)
    return name
