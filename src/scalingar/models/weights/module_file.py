"""Safetensors files with the configuration of their network in the metadata."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.settings import Settings
from scalingar.models.weights.build_module import build_module
from scalingar.models.weights.weight_file import save_weights

C = TypeVar("C", bound=Settings)
M = TypeVar("M", bound=nn.Module)


def save_module(path: Path, module: nn.Module, config: Settings, dtype: torch.dtype) -> None:
    """Write the weights, in ``dtype``, and the configuration. Raises OutputError."""
    weights = {key: value.to(dtype) for key, value in module.state_dict().items()}
    save_weights(path, weights, {"kind": type(config).__name__, "config": config.model_dump_json()})


def read_module(path: Path, kind: type[C]) -> tuple[C, dict[str, Tensor]]:
    """Configuration and weights in a file of :func:`save_module`. Raises WeightsError."""
    with _opened(path) as file:
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return _config(file.metadata() or {}, path, kind), weights


def read_config(path: Path, kind: type[C]) -> C:
    """The configuration in a file of :func:`save_module`; weights stay where they are. Raises WeightsError."""
    with _opened(path) as file:
        return _config(file.metadata() or {}, path, kind)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Raises WeightsError, also for what cannot be read later."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing; save or install the model again.") from None
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} cannot be read ({error}); the file is truncated or not safetensors, copy it again."
        ) from None


def _config(metadata: Mapping[str, str], path: Path, kind: type[C]) -> C:
    """Raises WeightsError."""
    if metadata.get("kind") != kind.__name__:
        raise WeightsError(
            f"{path} holds {metadata.get('kind', 'weights without a configuration')}, expected {kind.__name__}."
        )
    try:
        return kind.model_validate_json(metadata.get("config", ""))
    except ConfigError as error:
        raise WeightsError(f"{path} has a damaged configuration: {error}; copy it again.") from None


def load_module(path: Path, kind: type[C], make: Callable[[C], M]) -> M:
    """The network in a file of :func:`save_module`, in fp32 and frozen. Raises WeightsError."""
    config, weights = read_module(path, kind)
    return build_module(lambda: make(config), weights, path)
