"""Recipes: everything that decides which image comes out, as a frozen value that lives in YAML and inside PNGs."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializationInfo,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from scalingar.core.errors import ConfigError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.core.validation import sentence
from scalingar.pipeline.loading import family_of
from scalingar.pipeline.overrides import merged
from scalingar.strategies import Strategy
from scalingar.strategies.build_strategy import DEFAULT_STRATEGY, build_strategy, strategy_name

DEVICES = ("cpu", "cuda", "mps", "xpu")
_OVERRIDE = re.compile(r"([A-Za-z_][\w.]*)=(.*)", re.DOTALL)


def default_strategy(model: str) -> str:
    """What a recipe that names none takes for this model."""
    family = family_of(model)
    return DEFAULT_STRATEGY if family is None else family.default_strategy


def _strategy_for_model(value: Any, info: ValidationInfo) -> Strategy:
    named = isinstance(value, Strategy | str) or (isinstance(value, dict) and "name" in value)
    # A model that is no string was refused already.
    model = info.data.get("model", "embedded")
    return build_strategy(value) if named else build_strategy(value, default_strategy(model))


def _plain_strategy(strategy: Strategy, info: SerializationInfo) -> dict[str, Any]:
    settings = strategy.model_dump(mode=info.mode, exclude_unset=info.exclude_unset)
    return {"name": strategy_name(strategy), **settings}


def _plain_sampling(sampling: SamplingConfig | None, info: SerializationInfo) -> dict[str, Any] | None:
    # What was not set stays the model's; written out, it would override the model.
    return None if sampling is None else sampling.model_dump(mode=info.mode, exclude_unset=True)


class Recipe(BaseModel):
    """One run of the pipeline."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str = Field("embedded", description="'embedded', a file or folder, or a name on the hub")
    device: str = Field("cpu", description="cpu, cuda, cuda:1, mps, xpu")
    dtype: Literal["fp32", "bf16", "fp16"] = Field("fp32", description="of the transformer")
    compile: bool = Field(False, description="torch.compile for the decoding step of LlamaGen's family")
    prompt: str | None = Field(None, coerce_numbers_to_str=True, description="what the image shows")
    image_size: int | None = Field(None, description="pixels, for weights that draw several sizes")
    aspect_ratio: float | None = Field(None, description="width over height, of Infinity; the nearest it knows")
    strategy: Annotated[Strategy, BeforeValidator(_strategy_for_model), PlainSerializer(_plain_strategy)] = Field(
        default_factory=lambda given: build_strategy(default_strategy(given.get("model", "embedded"))),
        description="the method of the model's family unless named: scaling-ar or tts-var",
    )
    guidance_scale: float | None = Field(None, description="s_base; the model's own if None")
    sampling: Annotated[SamplingConfig | None, PlainSerializer(_plain_sampling)] = Field(
        None, description="what is set replaces the model's own"
    )
    seed: int = Field(0, ge=0, description="keys the noise; repeat j of a prompt takes seed + j")
    num_images_per_prompt: int = Field(1, ge=1, description="images of the prompt")

    @field_validator("device")
    @classmethod
    def _check_device(cls, device: str) -> str:
        try:
            kind = torch.device(device).type
        except RuntimeError:
            kind = ""
        if kind not in DEVICES:
            raise ValueError(f"must be one of {', '.join(DEVICES)}, with a number if there are several")
        return device

    @classmethod
    def from_dict(cls, data: Mapping[Any, Any]) -> Self:
        """From plain values. Raises ConfigError: an unknown setting, or a value out of range."""
        try:
            return cls.model_validate(dict(data))
        except ValidationError as error:
            raise ConfigError(sentence(error, cls)) from None

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """From a file; what it does not say takes its default.

        Raises:
            ConfigError: the file cannot be read, is no YAML, or says something a recipe cannot.
        """
        try:
            data = yaml.safe_load(Path(path).expanduser().read_text("utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read the recipe {path}: {error.strerror}.") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is no YAML: {' '.join(str(error).split())}.") from None
        if not isinstance(data, dict | None):
            raise ConfigError(f"{path} holds no recipe; write one 'setting: value' per line.")
        try:
            return cls.from_dict(data or {})
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Complete, in plain types."""
        return self.model_dump(mode="json")

    def to_yaml(self) -> str:
        """Complete, so that no later default can change it; :meth:`from_yaml` gives the same recipe back."""
        # Plain, YAML would take the old "next line" for an end of line.
        readable = "\x85" not in (self.prompt or "")
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=readable)

    def with_overrides(self, overrides: Sequence[str]) -> Self:
        """With settings replaced, each written ``a.b=value`` with the value in YAML.

        Raises:
            ConfigError: not of this form, an unknown setting, or a value out of range.
        """
        return self.with_values(dict(map(parse_override, overrides)))

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """With settings replaced by their dotted names; see :func:`merged`. Raises ConfigError."""
        return self.from_dict(merged(self.model_dump(exclude_unset=True), values)) if values else self

    def resolved(self, guidance_scale: float, sampling: SamplingConfig) -> Self:
        """With a model's own guidance scale and sampling wherever the recipe leaves them open."""
        given = {} if self.sampling is None else self.sampling.model_dump(exclude_unset=True)
        scale = guidance_scale if self.guidance_scale is None else self.guidance_scale
        filled = SamplingConfig(**{**sampling.model_dump(), **given})
        return self.model_copy(update={"guidance_scale": scale, "sampling": filled})


def parse_override(text: str) -> tuple[str, Any]:
    """Dotted name and value of ``a.b=value``. Raises ConfigError."""
    match = _OVERRIDE.fullmatch(text)
    if match is None:
        raise ConfigError(f"{text!r} is no setting; write it as strategy.gate.quantile=0.1.")
    try:
        return match[1], yaml.safe_load(match[2])
    except yaml.YAMLError:
        raise ConfigError(f"{text!r}: what follows the '=' is no YAML value; put text in quotes.") from None
