"""A verifier in its folder: a head, and what it was taught, by which it is refused on every other model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import Field

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.files import expanded, sha256, write_file
from scalingar.core.settings import Record
from scalingar.core.text_file import parse_json, read_text
from scalingar.core.text_file import reason as reason_of
from scalingar.models.embedded.grammar import word_ids
from scalingar.models.embedded.installed_weights import EMBEDDED, embedded_folder
from scalingar.models.weights.module_file import load_module, save_module
from scalingar.rewards.verifiers.latent_head import LatentHead, LatentHeadConfig
from scalingar.rewards.verifiers.latent_reading import LatentReading, Latents
from scalingar.rewards.verifiers.reading import Reading
from scalingar.rewards.verifiers.state_head import StateHead, StateHeadConfig
from scalingar.rewards.verifiers.state_reading import StateReading

VERSION = 1
"""Of the head and of what it reads; another one's values mean nothing here."""
HEAD, INFO = "head.safetensors", "verifier.json"
BY_DETECTOR = "-by-detector"
"""How the names of the embedded verifiers end that learned the detector's verdicts in place of the reward's order."""
VERIFIER = "verifier"
"""Name of a head's SHA-256 among those of the model's files."""


class VerifierInfo(Record):
    """``verifier.json``: of which model a verifier is, and what it was taught."""

    version: int = Field(description="of this format")
    model: str = Field(description="name of the model whose states it reads")
    weights: dict[str, str] = Field(description="SHA-256 of the model's and the tokenizer's files, by their names")
    label: str = Field(description="what it foretells, by name: a reward, or who else gave the labels")
    prompts_sha256: str = Field(description="of the prompts it was taught with, one a line")
    trajectories: int = Field(description="of each prompt")
    completions: int = Field(1, description="of each trajectory's prefixes, whose mean rewards were the labels")
    reads: Literal["states", "latents"] = Field("states", description="what its head reads of a prefix")
    report: dict[str, Any] = Field(default_factory=dict, description="how it did on prompts that were held out")


@dataclass(frozen=True)
class Verifier:
    """A head on a device; ``source``: what messages call it; ``sha256``: of the head's file, empty if it has none."""

    head: StateHead | LatentHead
    info: VerifierInfo
    source: str = "the verifier"
    sha256: str = ""

    @classmethod
    def load(cls, folder: str | Path, *, device: str | torch.device = "cpu") -> Self:
        """The verifier in a folder, or the embedded one of this name.

        Raises WeightsError: it is missing, damaged, or of another version.
        """
        path = folder_of(folder)
        info = _read_info(path)
        digest = head_hash(path)
        head: StateHead | LatentHead
        if info.reads == "latents":
            head = load_module(path / HEAD, LatentHeadConfig, LatentHead)
        else:
            head = load_module(path / HEAD, StateHeadConfig, StateHead)
        return cls(head.to(device), info, f"the verifier {folder if path != expanded(folder) else path}", digest)

    def save(self, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        """Write head and description; the same content gives the same bytes. Raises OutputError."""
        save_module(folder / HEAD, self.head, self.head.config, dtype)
        write_file(folder / INFO, (json.dumps(self.info.model_dump(), indent=1) + "\n").encode())

    def check_model(self, model: str, weights: Mapping[str, str], steps: int) -> None:
        """Raises ConfigError unless it was taught with the states of this model, with this tokenizer."""
        own = self.info.weights
        differing = [name for name in sorted({*own, *weights}) if own.get(name) != weights.get(name)]
        if differing:
            told = "; ".join(
                f"{name} is {_short(weights.get(name))}, not {_short(own.get(name))}" for name in differing
            )
            raise ConfigError(
                f"{self.source} was trained on the {self.info.reads} of {self.info.model}, and {model} is another "
                f"model or has another tokenizer ({told}); train one for it with 'scalingar verifier train'."
            )
        if self.head.config.steps != steps:
            raise ConfigError(
                f"{self.source} reads images of {self.head.config.steps} steps, and {model} draws {steps}; train one "
                "for it with 'scalingar verifier train'."
            )

    @property
    def waits(self) -> bool:
        """Whether a step's codes are known to it only when the next step is computed."""
        return isinstance(self.head, StateHead)

    def begin(self, rows: int, prompt: str, latents: Latents | None = None) -> Reading:
        """To read new trajectories of ``prompt`` with. Raises ConfigError if it needs ``latents`` and none are told."""
        if isinstance(self.head, StateHead):
            return StateReading(self.head, rows)
        if latents is None:
            raise ConfigError(f"{self.source} reads latents, and this model tells none; name another verifier.")
        return LatentReading(self.head, word_ids(prompt, self.head.config.words), latents, rows)


def folder_of(verifier: str | Path) -> Path:
    """The folder of a verifier: of the embedded one of this name, else the path itself."""
    model, by_detector, rest = str(verifier).partition(BY_DETECTOR)
    if model not in EMBEDDED or rest:
        return expanded(verifier)
    return embedded_folder(f"verifier/{EMBEDDED[model]}{by_detector}")


def head_hash(folder: str | Path) -> str:
    """SHA-256 of the head of a verifier. Raises WeightsError: it is missing or cannot be read."""
    path = folder_of(folder)
    try:
        return sha256(path / HEAD)
    except (FileNotFoundError, NotADirectoryError):
        raise WeightsError(
            f"{path} holds no verifier ({HEAD} is missing); give a folder of 'scalingar verifier train'."
        ) from None
    except OSError as error:
        raise WeightsError(f"{path / HEAD} cannot be read ({reason_of(error)}); train the verifier again.") from None


def with_verifier(weights: Mapping[str, str], verifier: Verifier | None) -> dict[str, str]:
    """SHA-256 of all that decides an image: of the model's files by their names, and of the head of its verifier."""
    return {**weights, **({} if verifier is None else {VERIFIER: verifier.sha256})}


def _read_info(folder: Path) -> VerifierInfo:
    path = folder / INFO
    try:
        value = parse_json(read_text(path))
    except FileNotFoundError:
        raise WeightsError(
            f"{folder} holds no verifier ({INFO} is missing); give a folder of 'scalingar verifier train'."
        ) from None
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read ({reason_of(error)}); train the verifier again.") from None
    version = value.get("version") if isinstance(value, dict) else None
    if version != VERSION:
        raise WeightsError(
            f"{path} is of version {version!r}, and this is version {VERSION} of verifiers; train it again."
        )
    try:
        return VerifierInfo.model_validate(value)
    except ConfigError as error:
        raise WeightsError(f"{path} is damaged: {error}; train it again.") from None


def _short(digest: str | None) -> str:
    return "missing" if digest is None else digest[:12]
