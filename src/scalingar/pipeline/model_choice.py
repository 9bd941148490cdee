"""The model section of a recipe: which model, where it runs, and every option of loading that was set."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Self

import torch
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializationInfo,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from scalingar.core.errors import ConfigError
from scalingar.core.registry import suggestion
from scalingar.core.validation import sentence
from scalingar.models.family import model_options
from scalingar.models.options import Choice

DEVICES = ("cpu", "cuda", "mps", "xpu")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}
PYTHON = "python:"
"""Prefix for functions and models passed from Python, which recipes can name but not load."""


def _dtype(value: Any) -> torch.dtype:
    if isinstance(value, torch.dtype) and value in _DTYPE_NAMES:
        return value
    if isinstance(value, str) and value in DTYPES:
        return DTYPES[value]
    raise ValueError("must be 'fp32', 'bf16' or 'fp16'")


class ModelChoice(BaseModel):
    """A model by name, file or folder, with the options of its family as extra fields.

    A recipe with a function as an option names it, but cannot be repeated.
    """

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False, arbitrary_types_allowed=True)

    name: str = Field("embedded", description="'embedded', a file or folder, or a name on the hub")
    device: str = Field("cpu", description="cpu, cuda, cuda:1, mps, xpu")
    dtype: Annotated[torch.dtype, BeforeValidator(_dtype)] = Field(
        torch.float32, description="of the transformer: fp32, bf16 or fp16"
    )

    @model_validator(mode="before")
    @classmethod
    def _check_options(cls, data: Any) -> Any:
        if isinstance(data, ModelChoice):
            return data
        if isinstance(data, str | Path):
            return {"name": str(data)}
        if not isinstance(data, Mapping):
            raise ValueError("must be a name or settings such as {name: embedded}")
        unknown = [key for key in data if key not in cls.setting_names()]
        if unknown:
            raise ConfigError(f"model.{unknown[0]} is no setting{suggestion(str(unknown[0]), cls.setting_names())}")
        settings = {key: data[key] for key in cls.setting_names() if data.get(key) is not None}
        return {
            key: _plain(value) if key in cls.model_fields else _option(key, value) for key, value in settings.items()
        }

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

    @model_serializer
    def _flat(self, info: SerializationInfo) -> dict[str, Any]:
        fields = {"name": self.name, "device": self.device, "dtype": _DTYPE_NAMES[self.dtype]}
        if info.exclude_unset:
            fields = {key: value for key, value in fields.items() if key in self.model_fields_set}
        return fields | {key: described(value) if callable(value) else value for key, value in self.options.items()}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """From plain values, paths, torch's own devices and dtypes. Raises ConfigError: unknown, or out of range."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            raise ConfigError(sentence(error, cls, "model")) from None

    @classmethod
    def setting_names(cls) -> list[str]:
        """Names of all settings."""
        return [*cls.model_fields, *model_options()]

    @property
    def options(self) -> Mapping[str, Any]:
        """Options that were set besides name, device and dtype."""
        return MappingProxyType(self.model_extra or {})

    @property
    def on_cpu(self) -> bool:
        """The model runs on the CPU."""
        return torch.device(self.device).type == "cpu"

    def for_loading(self) -> Choice:
        """As model families take it."""
        return Choice(name=self.name, device=self.device, dtype=self.dtype, options=self.options)

    def check_loadable(self) -> None:
        """Raises ConfigError if a part of the model was a Python object and cannot be loaded."""
        for key, value in {"name": self.name, **self.options}.items():
            if isinstance(value, str) and value.startswith(PYTHON):
                raise ConfigError(
                    f"model.{key}={value}: was Python code, which a recipe cannot hold; "
                    "build the pipeline in Python again, or give a file, folder or hub name."
                )

    def check_device(self) -> None:
        """Raises ConfigError if the device is not available."""
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).strip().split("\n")[0].rstrip(".")
            raise ConfigError(f"model.device={self.device}: not available here ({reason}); take cpu.") from None


def described(part: Callable[..., Any]) -> str:
    """A recipe's name for a Python object."""
    kind = part if hasattr(part, "__qualname__") else type(part)
    return f"{PYTHON}{kind.__module__}.{kind.__qualname__}"


def _plain(value: Any) -> Any:
    """Paths and devices as strings."""
    return str(value) if isinstance(value, Path | torch.device) else value


def _option(key: str, value: Any) -> Any:
    if callable(value):
        return value
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(model_options()[key].type, config=ConfigDict(allow_inf_nan=False))
        return adapter.validate_python(_plain(value))
    except ValidationError as error:
        raise ConfigError(sentence(error, ModelChoice, f"model.{key}")) from None
