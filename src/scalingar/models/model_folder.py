"""The model folder: ``pipeline.json`` (family, defaults, origin) and two weight files, transformer and tokenizer.

Each weight file carries its network's configuration in its metadata.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import nn

from scalingar.core.errors import ConfigError, OutputError, WeightsError
from scalingar.core.files import make_folder, sha256, staging, write_file
from scalingar.core.sampling_config import SamplingConfig
from scalingar.core.settings import Settings
from scalingar.models.embedded.grammar import TERMINALS
from scalingar.models.options import Choice, Option
from scalingar.models.prompts.encoders import PromptEncoder
from scalingar.models.prompts.t5_loading import FLAN_T5_XL
from scalingar.models.shape import Shape
from scalingar.models.weights.build_module import build_module
from scalingar.models.weights.module_file import read_config, read_module, save_module

PIPELINE, TRANSFORMER, TOKENIZER = "pipeline.json", "transformer.safetensors", "tokenizer.safetensors"


class PackageInfo(Settings):
    """The content of ``pipeline.json``."""

    name: str
    family: str = Field(description="which networks the weight files hold")
    text: Literal["grammar", "label", "caption"] = Field("grammar", description="how prompts are read")
    text_encoder: str = Field(FLAN_T5_XL, description="of captions: a folder or a name on the hub")
    padding: Literal["left", "right"] = Field("left", description="of captions")
    zero_pads: bool = Field(True, description="of captions")
    guidance_scale: float = 1.0
    sampling: SamplingConfig = SamplingConfig()
    reward: str | None = Field(None, description="the reward for strategies that need one and name none")
    verifier: str | None = Field(None, description="the verifier for strategies that need one and name none")
    description: str = ""
    licence: str = ""


@dataclass(frozen=True, kw_only=True)
class Component:
    """One of the two networks: its class, its configuration, and how it is made without weights."""

    network: type[nn.Module]
    config: type[Settings]
    make: Callable[[Any, Choice], nn.Module]

    def read(self, path: Path, choice: Choice, dtype: torch.dtype) -> Any:
        """The network in a weight file. Raises WeightsError."""
        config, weights = read_module(path, self.config)
        return build_module(lambda: self.make(config, choice), weights, path, dtype=dtype, device=choice.device)


@dataclass(frozen=True, kw_only=True)
class FolderFormat:
    """How a family writes and reads model folders.

    Attributes:
        check: raises WeightsError unless transformer, tokenizer and description belong together.
        prompts: makes the prompt encoder.
        options: loading options that apply to model folders.
        shape: the sizes of a transformer, by its configuration.
    """

    transformer: Component
    tokenizer: Component
    check: Callable[[Path, PackageInfo, Any, Any], None]
    prompts: Callable[[Path, PackageInfo, Any, Choice], PromptEncoder]
    options: tuple[Option, ...]
    shape: Callable[[Any], Shape]

    def read(self, folder: Path, info: PackageInfo, choice: Choice) -> tuple[Any, Any]:
        """Transformer, and tokenizer in fp32. Raises WeightsError for a missing, damaged or foreign file."""
        model = self.transformer.read(folder / TRANSFORMER, choice, choice.dtype)
        tokenizer = self.tokenizer.read(folder / TOKENIZER, choice, torch.float32)
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
        """Write the three files, none to its place before all are whole.

        Raises WeightsError for parts that do not belong together, OutputError.
        """
        for network, component in ((model, self.transformer), (tokenizer, self.tokenizer)):
            if not isinstance(network, component.network):
                kind, expected = type(network).__name__, component.network.__name__
                raise WeightsError(f"{folder}: a {kind} cannot be saved as the {expected} of {info.family}.")
        self.check(folder, info, model, tokenizer)
        try:
            make_folder(folder)
            with staging(folder) as stage:
                save_module(stage / TRANSFORMER, model, model.config, dtype)
                save_module(stage / TOKENIZER, tokenizer, tokenizer.config, tokenizer_dtype)
                write_file(stage / PIPELINE, (info.model_dump_json(indent=2) + "\n").encode())
                for name in (TRANSFORMER, TOKENIZER, PIPELINE):
                    (stage / name).replace(folder / name)
        except OSError as error:
            raise OutputError(f"cannot write the model to {folder}: {error.strerror}.") from None

    def sizes(self, folder: Path) -> Shape:
        """Of the folder's transformer, whose weights are not read. Raises WeightsError."""
        return self.shape(read_config(folder / TRANSFORMER, self.transformer.config))

    @staticmethod
    def hashes(folder: Path) -> dict[str, str]:
        """SHA-256 of each weight file, for recipes and results."""
        return {name: sha256(folder / name) for name in (TRANSFORMER, TOKENIZER)}


def read_info(folder: Path) -> PackageInfo:
    """The description of a model folder. Raises WeightsError."""
    try:
        return PackageInfo.model_validate_json((folder / PIPELINE).read_text("utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"{folder} holds no {PIPELINE}; it is not a model folder.") from None
    except (OSError, ConfigError, UnicodeDecodeError) as error:
        raise WeightsError(f"{folder / PIPELINE} is damaged: {error}; save or install the model again.") from None


def check_grammar(folder: Path, words: int | None) -> None:
    """Raises WeightsError unless a transformer of ``words`` words knows this version's; None: it reads others."""
    if words not in (None, len(TERMINALS)):
        raise WeightsError(
            f"{folder / TRANSFORMER} knows {words} words, the grammar has {len(TERMINALS)}; it was saved by another "
            "version: save it again with this one."
        )
