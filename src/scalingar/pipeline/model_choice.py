"""The model section of a recipe: which model, where it runs, and every option of loading that was set."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Self

import torch
from pydantic import (
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

from scalingar.core.device.available import best_device
from scalingar.core.errors import ConfigError
from scalingar.core.registry import suggestion
from scalingar.core.settings import Settings
from scalingar.core.validation import plain, sentence, shown_name
from scalingar.core.yaml_file import as_written
from scalingar.models.family import model_options
from scalingar.models.options import Choice
from scalingar.pipeline.arguments import advice

DEVICES = ("cpu", "cuda", "mps", "xpu")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_OTHER_NAMES = {
    name: dtype
    for dtype, names in {
        torch.float32: ("float32", "float", "f32"),
        torch.bfloat16: ("bfloat16", "bf16"),
        torch.float16: ("float16", "half", "f16"),
    }.items()
    for name in names
}
"""As torch, NumPy and others call them."""
PYTHON = "python:"
"""Prefix for functions and models passed from Python, which recipes can name but not load."""


def _dtype(value: Any) -> torch.dtype:
    if isinstance(value, torch.dtype) and value in _DTYPE_NAMES:
        return value
    if isinstance(value, str):
        name = value.strip().lower().removeprefix("torch.")
        if name in DTYPES or name in _OTHER_NAMES:
            return DTYPES.get(name) or _OTHER_NAMES[name]
    raise ValueError("must be 'fp32', 'bf16' or 'fp16'")


def _device(value: Any) -> Any:
    """Torch's own devices, their numbers, which are those of CUDA, and what ``auto`` finds here."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return f"cuda:{value}"
    name = value.strip().lower() if isinstance(value, str) else value
    return best_device() if name == "auto" else name


class ModelChoice(Settings):
    """A model by name, file or folder, with the options of its family as extra fields.

    A recipe with a function as an option names it, but cannot be repeated.
    """

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True)

    name: str = Field("embedded", description="'embedded', a file or folder, or a name on the hub")
    device: Annotated[str, BeforeValidator(_device)] = Field(
        "cpu", description="cpu, cuda, cuda:1, mps, xpu; auto is replaced by what is here"
    )
    dtype: Annotated[torch.dtype, BeforeValidator(_dtype)] = Field(
        torch.float32, description="of the transformer: fp32, bf16 or fp16"
    )
    revisions: dict[str, str] = Field(
        default_factory=dict, description="commits of the hub's repositories that are read besides the model's own"
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
        unknown = [str(key) for key in data if key not in cls.setting_names()]
        if unknown:
            told = advice(unknown[0])
            known = cls.setting_names()
            raise ConfigError(
                f"model.{told}"
                if told
                else f"model.{shown_name(unknown[0])} is no setting{suggestion(unknown[0], known)}"
            )
        settings = {key: data[key] for key in cls.setting_names() if data.get(key) is not None}
        return {
            key: _plain(value) if key in cls.model_fields else _option(key, value) for key, value in settings.items()
        }

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not name.strip():
            raise ValueError("is empty; give 'embedded', a file or folder, or a name on the hub")
        return name

    @field_validator("device")
    @classmethod
    def _check_device(cls, device: str) -> str:
        try:
            kind = torch.device(device).type
        except RuntimeError:
            kind = ""
        if kind not in DEVICES:
            raise ValueError(f"must be auto or one of {', '.join(DEVICES)}, with a number if there are several")
        return device

    @model_serializer
    def _flat(self, info: SerializationInfo) -> dict[str, Any]:
        fields: dict[str, Any] = {"name": self.name, "device": self.device, "dtype": _DTYPE_NAMES[self.dtype]}
        if info.exclude_unset:
            fields = {key: value for key, value in fields.items() if key in self.model_fields_set}
        if self.revisions:
            fields["revisions"] = dict(self.revisions)
        return fields | {key: described(value) if callable(value) else value for key, value in self.options.items()}

    @classmethod
    def from_dict(cls, values: Mapping[Any, Any], where: str = "model") -> Self:
        """From plain values, paths, torch's own devices and dtypes. Raises ConfigError: unknown, or out of range."""
        return super().from_dict(values, where)

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

    def check_device(self, where: str = "model.device") -> None:
        """Raises ConfigError if the device is not available; ``where``: what named it."""
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).strip().split("\n")[0].rstrip(".")
            raise ConfigError(f"{where}={self.device}: not available here ({reason}); take cpu.") from None


def usable_device(name: str) -> str:
    """The device of this name, or what ``auto`` finds, for what is no model. Raises ConfigError as a model would."""
    choice = ModelChoice.from_dict({"device": name}, "")
    choice.check_device("device")
    return choice.device


def described(part: Callable[..., Any]) -> str:
    """A recipe's name for a Python object."""
    kind = part if hasattr(part, "__qualname__") else type(part)
    return f"{PYTHON}{kind.__module__}.{kind.__qualname__}"


def _plain(value: Any) -> Any:
    """Paths and devices as strings, NumPy's numbers as Python's."""
    return str(value) if isinstance(value, torch.device) else plain(value)


def _option(key: str, value: Any) -> Any:
    if callable(value):
        return value
    try:
        if isinstance(value, str) and not value:
            raise ConfigError(f"model.{key} is empty; give it a value, or leave it out.")
        adapter: TypeAdapter[Any] = TypeAdapter(
            model_options()[key].type, config=ConfigDict(allow_inf_nan=False, coerce_numbers_to_str=True)
        )
        return adapter.validate_python(as_written(value) if model_options()[key].type is str else _plain(value))
    except ValidationError as error:
        raise ConfigError(sentence(error, ModelChoice, f"model.{key}")) from None
