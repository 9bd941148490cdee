"""The folder format of this project's own models: two safetensors files and a description.

``pipeline.json`` (family, defaults and origin), ``transformer.safetensors``, ``tokenizer.safetensors``; each weight
file carries its configuration in its metadata, so that it cannot be taken for another.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from scalingar.core.errors import OutputError, WeightsError
from scalingar.core.files import sha256
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.options import Choice, Option
from scalingar.models.prompts.encoders import PromptEncoder
from scalingar.models.prompts.t5_loading import FLAN_T5_XL
from scalingar.models.weights.module_file import read_module, save_module

PIPELINE, TRANSFORMER, TOKENIZER = (
    "pipeline.json",
    "transformer.safetensors",
    "tokenizer.safetensors",
)


class PackageInfo(BaseModel):
    """What ``pipeline.json`` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    family: str = Field(description="which networks the weight files hold")
    text: Literal["grammar", "label", "caption"] = Field("grammar", description="how prompts are read")
    text_encoder: str = Field(FLAN_T5_XL, description="of captions: a folder or a name on the hub")
    padding: Literal["left", "right"] = Field("left", description="of captions")
    zero_pads: bool = Field(True, description="of captions")
    guidance_scale: float = 1.0
    sampling: SamplingConfig = SamplingConfig()
    reward: str | None = Field(None, description="the reward for strategies that need one and are told none")
    description: str = ""
    licence: str = ""


@dataclass(frozen=True, kw_only=True)
class Half:
    """One of the two weight files: its network, the network's configuration, and how it is built from its tensors."""

    network: type[nn.Module]
    config: type[BaseModel]
    build: Callable[[Any, Mapping[str, Tensor], Path, Choice], Any]


@dataclass(frozen=True, kw_only=True)
class FolderFormat:
    """How a family fills such a folder.

    Attributes:
        check: raises WeightsError unless transformer, tokenizer and what is said of them belong together.
        prompts: how the model reads prompts.
        options: those that still mean something for a model whose sizes and parts are known.
    """

    transformer: Half
    tokenizer: Half
    check: Callable[[Path, PackageInfo, Any, Any], None]
    prompts: Callable[[Path, PackageInfo, Any, Choice], PromptEncoder]
    options: tuple[Option, ...]

    def read(self, folder: Path, info: PackageInfo, choice: Choice) -> tuple[Any, Any]:
        """Transformer and tokenizer. Raises WeightsError for a missing, damaged or foreign file."""
        model, tokenizer = (
            half.build(*read_module(folder / name, half.config), folder / name, choice)
            for half, name in ((self.transformer, TRANSFORMER), (self.tokenizer, TOKENIZER))
        )
        self.check(folder, info, model, tokenizer)
        return model, tokenizer

    def write(
        self,
        folder: Path,
        info: PackageInfo,
        model: Any,
        tokenizer: Any,
        dtype: torch.dtype,
        tokenizer_dtype: torch.dtype,
    ) -> None:
        """Write the three files. Raises WeightsError for parts that do not belong together, OutputError."""
        for part, half in ((model, self.transformer), (tokenizer, self.tokenizer)):
            if not isinstance(part, half.network):
                raise WeightsError(f"{folder}: a {type(part).__name__} is no {half.network.__name__} of {info.family}.")
        self.check(folder, info, model, tokenizer)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            save_module(folder / TRANSFORMER, model, model.config, dtype)
            save_module(folder / TOKENIZER, tokenizer, tokenizer.config, tokenizer_dtype)
            (folder / PIPELINE).write_text(info.model_dump_json(indent=2) + "\n")
        except OSError as error:
            raise OutputError(f"cannot write the model to {folder}: {error.strerror}.") from None

    @staticmethod
    def hashes(folder: Path) -> dict[str, str]:
        """SHA-256 of each weight file, for recipes and results."""
        return {name: sha256(folder / name) for name in (TRANSFORMER, TOKENIZER)}


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


def _first(error: ValidationError | UnicodeDecodeError) -> str:
    return error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
