"""The folder format of this project's own models: two safetensors files and a description.

``pipeline.json`` (defaults and origin), ``transformer.safetensors``, ``tokenizer.safetensors``; each weight file
carries its configuration in its metadata, so that it cannot be taken for another. ``family`` in ``pipeline.json`` says
which networks they are: ``llamagen`` (next-token; :func:`load_package`) or ``var`` (next-scale;
:func:`load_scale_package`).
"""

from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scalingar.core.errors import OutputError, WeightsError
from scalingar.core.files import sha256
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.embedded.grammar import TERMINALS
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.released import build_llamagen, build_vq, check_pair
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.llamagen.vq import VQConfig, VQTokenizer
from scalingar.models.prompts.t5_loading import FLAN_T5_XL
from scalingar.models.var.config import VARConfig
from scalingar.models.var.multiscale_vq import MultiScaleVQ, MultiScaleVQConfig
from scalingar.models.var.released import build_multiscale_vq, build_var
from scalingar.models.var.released import check_pair as check_scale_pair
from scalingar.models.var.transformer import VAR
from scalingar.models.weights.module_file import read_module, save_module

Family = Literal["llamagen", "var"]
Kind = Literal["next-token", "next-scale"]
PIPELINE, TRANSFORMER, TOKENIZER = (
    "pipeline.json",
    "transformer.safetensors",
    "tokenizer.safetensors",
)


class PackageInfo(BaseModel):
    """What ``pipeline.json`` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    family: Family = Field("llamagen", description="which networks the weight files hold")
    text: Literal["grammar", "label", "caption"] = Field("grammar", description="how prompts are read")
    text_encoder: str = Field(FLAN_T5_XL, description="of captions: a folder or a name on the hub")
    padding: Literal["left", "right"] = Field("left", description="of captions")
    zero_pads: bool = Field(True, description="of captions")
    guidance_scale: float = 1.0
    sampling: SamplingConfig = SamplingConfig()
    description: str = ""
    licence: str = ""


def save_package(
    folder: Path,
    info: PackageInfo,
    model: LlamaGen | VAR,
    tokenizer: VQTokenizer | MultiScaleVQ,
    dtype: torch.dtype,
    *,
    tokenizer_dtype: torch.dtype | None = None,
) -> None:
    """Write the three files, weights in ``dtype``.

    Raises:
        WeightsError: ``info`` does not describe this model, or the tokenizer is another's.
        OutputError: the folder cannot be written.
    """
    if isinstance(model, VAR) and isinstance(tokenizer, MultiScaleVQ):
        _check_family(info, "var", folder)
        check_scale_pair(model, tokenizer)
        _check_reading(info, model, folder)
    elif isinstance(model, LlamaGen) and isinstance(tokenizer, VQTokenizer):
        _check_family(info, "llamagen", folder)
        check_pair(model, tokenizer)
    else:
        raise WeightsError(f"a {type(model).__name__} and a {type(tokenizer).__name__} do not belong together.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_module(folder / TRANSFORMER, model, model.config, dtype)
        save_module(folder / TOKENIZER, tokenizer, tokenizer.config, tokenizer_dtype or dtype)
        (folder / PIPELINE).write_text(info.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise OutputError(f"cannot write the model to {folder}: {error.strerror}.") from None


def load_package(
    folder: Path, *, device: torch.device, dtype: torch.dtype
) -> tuple[PackageInfo, LlamaGen, VQTokenizer]:
    """Read a next-token model, strictly. Raises WeightsError for a missing, damaged or foreign file."""
    info = read_info(folder)
    _check_family(info, "llamagen", folder)
    config, weights = read_module(folder / TRANSFORMER, LlamaGenConfig)
    model = build_llamagen(config, weights, folder / TRANSFORMER, device=device, dtype=dtype)
    vq_config, weights = read_module(folder / TOKENIZER, VQConfig)
    tokenizer = build_vq(vq_config, weights, folder / TOKENIZER, device=device)
    check_pair(model, tokenizer)
    return info, model, tokenizer


def load_scale_package(
    folder: Path, *, device: torch.device, dtype: torch.dtype
) -> tuple[PackageInfo, VAR, MultiScaleVQ]:
    """Read a next-scale model, strictly. Raises WeightsError for a missing, damaged or foreign file."""
    info = read_info(folder)
    _check_family(info, "var", folder)
    config, weights = read_module(folder / TRANSFORMER, VARConfig)
    model = build_var(config, weights, folder / TRANSFORMER, device=device, dtype=dtype)
    vq_config, weights = read_module(folder / TOKENIZER, MultiScaleVQConfig)
    tokenizer = build_multiscale_vq(vq_config, weights, folder / TOKENIZER, device=device)
    check_scale_pair(model, tokenizer)
    _check_reading(info, model, folder)
    return info, model, tokenizer


def read_info(folder: Path) -> PackageInfo:
    """What the folder says of itself; its ``family`` tells how to load it. Raises WeightsError."""
    try:
        return PackageInfo.model_validate_json((folder / PIPELINE).read_text("utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"{folder} holds no {PIPELINE}; it is not a model folder.") from None
    except (ValidationError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"{folder / PIPELINE} is damaged: {_first(error)}; save or install the model again."
        ) from None


def _check_family(info: PackageInfo, family: Family, folder: Path) -> None:
    if info.family != family:
        raise WeightsError(f"{folder / PIPELINE} says family {info.family!r}, expected {family!r}.")


def _check_reading(info: PackageInfo, model: VAR, folder: Path) -> None:
    """A next-scale model reads prompts as it was taught to: the grammar's words, or labels."""
    config = model.config
    if info.text != ("grammar" if config.condition == "words" else "label"):
        raise WeightsError(f"{folder / PIPELINE} says text {info.text!r}; the transformer reads {config.condition!r}.")
    if config.condition == "words" and config.condition_vocab != len(TERMINALS):
        raise WeightsError(
            f"{folder / TRANSFORMER} knows {config.condition_vocab} words, the grammar has {len(TERMINALS)}; it was "
            "made with another version."
        )


def weight_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each weight file, for recipes and results."""
    return {name: sha256(folder / name) for name in (TRANSFORMER, TOKENIZER)}


def _first(error: ValidationError | UnicodeDecodeError) -> str:
    return error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
