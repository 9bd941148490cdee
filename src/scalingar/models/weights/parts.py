"""Which of the weight files on this machine is the transformer and which the tokenizer, and of which family."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.models.infinity import released as infinity_released
from scalingar.models.llamagen import released
from scalingar.models.llamagen.names import TOKENIZER_PARTS, TRANSFORMER_PARTS, part
from scalingar.models.var import released as var_released
from scalingar.models.weights.checkpoint import CONTAINERS, listed_keys, read_weights, weight_file_names

ModelFamily = Literal["llamagen", "var", "infinity"]
Kind = Literal["transformer", "tokenizer"]

_CONTAINERS = (*CONTAINERS, "vae", "trainer", "var_wo_ddp", "gpt_fsdp")
_VAR_TOKENIZER = ("trainer", "vae_local", *CONTAINERS)
"""Where files keep tensors; a training checkpoint of VAR holds its tokenizer besides the transformer."""


@dataclass(frozen=True)
class Parts:
    """Files or folders of one model; the same one twice where it holds both. ``tokenizer`` is None if there is none."""

    transformer: Path
    tokenizer: Path | None
    family: ModelFamily = "llamagen"
    """Of the transformer."""


def find_parts(path: Path) -> Parts:
    """Look into a file or a folder; a folder may hold one transformer and one tokenizer.

    Raises:
        WeightsError: nothing there, no transformer, several of a kind, or a file that cannot be read.
    """
    found: dict[Kind, dict[Path, ModelFamily]] = {"transformer": {}, "tokenizer": {}}
    refused: list[WeightsError] = []
    for place in weight_file_names(path):
        try:
            for kind, family in kinds(place).items():
                found[kind][place] = family
        except WeightsError as error:
            refused.append(error)
    for kind, places in found.items():
        if len(places) > 1:
            names = listed_keys(place.name for place in places)
            raise WeightsError(f"{path} holds several {kind}s ({names}); give the path of one, or a variant.")
    if refused and not all(found.values()):
        raise refused[0]
    if not found["transformer"]:
        raise WeightsError(
            f"{path} holds no transformer of LlamaGen, VAR or Infinity; give its file, and the tokenizer's as "
            "tokenizer."
        )
    place, family = next(iter(found["transformer"].items()))
    return Parts(place, next(iter(found["tokenizer"]), None), family)


def kinds(path: Path) -> dict[Kind, ModelFamily]:
    """What is in a weight file or folder: a transformer, a tokenizer, both, or neither. Raises WeightsError."""
    weights = read_weights(path, containers=_CONTAINERS)
    found: dict[Kind, ModelFamily] = {}
    if transformer := _transformer(weights):
        found["transformer"] = transformer
    if tokenizer := _tokenizer(_beside(path) if transformer == "var" else weights):
        found["tokenizer"] = tokenizer
    return found


def read_next_scale(path: Path, kind: Kind, family: ModelFamily) -> dict[str, Tensor]:
    """All tensors of a VAR or Infinity, under their official names. Raises WeightsError."""
    of_var = (kind, family) == ("tokenizer", "var")
    return read_weights(path, containers=_VAR_TOKENIZER if of_var else _CONTAINERS)


def _beside(path: Path) -> Mapping[str, Tensor]:
    try:
        return read_weights(path, containers=_VAR_TOKENIZER)
    except WeightsError:
        return {}


def _transformer(weights: Mapping[str, Tensor]) -> ModelFamily | None:
    if var_released.TRANSFORMER_MARK in weights:
        return "var"
    if infinity_released.TRANSFORMER_MARK in weights:
        return "infinity"
    own = part(weights, TRANSFORMER_PARTS)
    return "llamagen" if any(mark in own for mark in released.TRANSFORMER_MARKS) else None


def _tokenizer(weights: Mapping[str, Tensor]) -> ModelFamily | None:
    if var_released.TOKENIZER_MARK in weights:
        return "var"
    if released.TOKENIZER_MARK in part(weights, TOKENIZER_PARTS):
        return "llamagen"
    return "infinity" if any(mark in weights for mark in infinity_released.VAE_MARKS) else None
