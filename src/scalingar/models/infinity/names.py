"""The names under which Infinity's weights are published, brought to those of this package."""

import re
from collections.abc import Mapping

from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.models.weights.shapes import complete

_CHUNKED = re.compile(r"block_chunks\.(\d+)\.module\.(\d+)\.")
_PLAIN = re.compile(r"blocks\.(\d+)\.")
_CONSTANTS = re.compile(
    r"lvl_1L|attn_bias_for_masking|Infinity_visible_kvlen|Infinity_invisible_qlen|.*\.zero_k_bias"
    r"|quantizer?\.lfq\.mask"
)
"""Buffers that are computed, not learned."""

_WRAPPER = re.compile(r"(?<!downsample)(?<!upsample)\.(?:conv|norm)(?=\.(?:weight|bias)$)")
"""Older files wrap every convolution and norm once more."""


def chunk_sizes(weights: Mapping[str, Tensor]) -> tuple[int, ...]:
    """How many blocks each chunk has; a file without chunks counts as one.

    Raises:
        WeightsError: there are no blocks, or one is missing.
    """
    chunks: dict[str, set[str]] = {}
    for name in weights:
        if match := _CHUNKED.match(name):
            chunks.setdefault(match[1], set()).add(match[2])
        elif match := _PLAIN.match(name):
            chunks.setdefault("0", set()).add(match[1])
    if not chunks:
        raise WeightsError("there are no blocks.")
    count = complete("block_chunks", chunks)
    return tuple(complete(f"block_chunks.{chunk}.module", chunks[str(chunk)]) for chunk in range(count))


def from_infinity_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A transformer's tensors with ``blocks.i`` for chunks, without constants, attention scales in one shape."""
    chunks = chunk_sizes(weights)
    starts = [sum(chunks[:chunk]) for chunk in range(len(chunks))]
    renamed = {}
    for name, tensor in weights.items():
        if _CONSTANTS.fullmatch(name):
            continue
        plain = _CHUNKED.sub(lambda match: f"blocks.{starts[int(match[1])] + int(match[2])}.", name)
        plain = plain.replace("text_proj_for_sos.ca.", "text_proj_for_sos.")
        # One variant of the training code stores the heads along another axis.
        renamed[plain] = tensor.reshape(1, -1, 1, 1) if plain.endswith("scale_mul_1H11") else tensor
    return renamed


def from_vae_names(weights: Mapping[str, Tensor], path: object) -> dict[str, Tensor]:
    """An autoencoder's tensors in the plain spelling, without constants. Raises WeightsError if some are there twice.

    Two spellings are published: ``decoder.conv_in.conv.weight`` and ``decoder.conv_in.weight``.
    """
    learned = {name: tensor for name, tensor in weights.items() if not _CONSTANTS.fullmatch(name)}
    plain = {_WRAPPER.sub("", name): tensor for name, tensor in learned.items()}
    if len(plain) < len(learned):
        raise WeightsError(f"{path} holds some tensors in both spellings of their names; save one of them only.")
    return plain
