"""The folder format of this project's own models: two safetensors files and a description.

``pipeline.json`` (defaults and origin), ``transformer.safetensors``, ``tokenizer.safetensors``; each weight file
carries its configuration in its metadata, so that it cannot be taken for another.
"""

import hashlib
from pathlib import Path
from typing import Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from scalingar.decoding.sampling import SamplingConfig
from scalingar.errors import OutputError, WeightsError
from scalingar.models.llamagen import LlamaGen, LlamaGenConfig
from scalingar.models.vq import VQConfig, VQTokenizer

C = TypeVar("C", bound=BaseModel)
PIPELINE, TRANSFORMER, TOKENIZER = (
    "pipeline.json",
    "transformer.safetensors",
    "tokenizer.safetensors",
)


class PackageInfo(BaseModel):
    """What ``pipeline.json`` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    family: Literal["llamagen"] = "llamagen"
    text: Literal["grammar", "label"] = Field("grammar", description="how prompts are read")
    guidance_scale: float = 1.0
    sampling: SamplingConfig = SamplingConfig()
    description: str = ""
    licence: str = ""


def save_package(folder: Path, info: PackageInfo, model: LlamaGen, tokenizer: VQTokenizer, dtype: torch.dtype) -> None:
    """Write the three files, weights in ``dtype``. Raises OutputError if the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _save(folder / TRANSFORMER, model, model.config, dtype)
        _save(folder / TOKENIZER, tokenizer, tokenizer.config, dtype)
        (folder / PIPELINE).write_text(info.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise OutputError(f"cannot write the model to {folder}: {error.strerror}.") from None


def load_package(
    folder: Path, *, device: torch.device, dtype: torch.dtype
) -> tuple[PackageInfo, LlamaGen, VQTokenizer]:
    """Read the three files, strictly. Raises WeightsError for a missing, damaged or foreign one."""
    try:
        info = PackageInfo.model_validate_json((folder / PIPELINE).read_text())
    except FileNotFoundError:
        raise WeightsError(f"{folder} holds no {PIPELINE}; it is not a model folder.") from None
    except ValidationError as error:
        raise WeightsError(
            f"{folder / PIPELINE} is damaged: {error.errors()[0]['msg']}; save or install the model again."
        ) from None
    config = _config(folder / TRANSFORMER, LlamaGenConfig)
    model = _load(folder / TRANSFORMER, LlamaGen(config), device, dtype)
    vq_config = _config(folder / TOKENIZER, VQConfig)
    tokenizer = _load(folder / TOKENIZER, VQTokenizer(vq_config), device, torch.float32)
    if config.vocab_size != vq_config.codebook_size:
        raise WeightsError(
            f"{folder}: the transformer predicts {config.vocab_size} codes, "
            f"the tokenizer has {vq_config.codebook_size}; they do not belong together."
        )
    return info, model, tokenizer


def weight_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each weight file, for recipes and results."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (TRANSFORMER, TOKENIZER)}


def _save(path: Path, module: nn.Module, config: BaseModel, dtype: torch.dtype) -> None:
    weights = {key: value.to(dtype).contiguous() for key, value in module.state_dict().items()}
    metadata = {"kind": type(config).__name__, "config": config.model_dump_json()}
    partial = path.with_suffix(".partial")
    save_file(weights, partial, metadata)
    partial.chmod(0o644)  # safetensors makes files only their owner can read
    partial.replace(path)


def _config(path: Path, kind: type[C]) -> C:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing; save or install the model again.") from None
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} cannot be read ({error}); the file is truncated or not safetensors, copy it again."
        ) from None
    if metadata.get("kind") != kind.__name__:
        raise WeightsError(
            f"{path} holds {metadata.get('kind', 'weights without a configuration')}, expected {kind.__name__}."
        )
    return kind.model_validate_json(metadata["config"])


M = TypeVar("M", bound=nn.Module)


def _load(path: Path, module: M, device: torch.device, dtype: torch.dtype) -> M:
    with safe_open(path, framework="pt") as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path} does not fit its own configuration: {reason}") from None
    return module.to(device=device, dtype=dtype).eval().requires_grad_(False)
