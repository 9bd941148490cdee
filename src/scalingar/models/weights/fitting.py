"""Putting weights into a network, strictly."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from scalingar.core.errors import WeightsError
from scalingar.models.weights.listed import listed_keys

M = TypeVar("M", bound=nn.Module)

_PLAIN = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
"""Numbers of weights that are not quantised."""


def fit_weights(
    module: M,
    weights: Mapping[str, Tensor],
    path: str | Path,
    *,
    dtype: torch.dtype | Callable[[str], torch.dtype],
    device: str | torch.device = "cpu",
) -> M:
    """Load copies of ``weights`` into ``module``, which may be on "meta".

    ``dtype``: for all weights, or a function of their names.

    Raises:
        WeightsError: names are missing or unexpected, a shape or dtype does not fit, or a value is not finite.
    """
    expected = module.state_dict()
    missing = [name for name in expected if name not in weights]
    unexpected = [name for name in weights if name not in expected]
    if missing or unexpected:
        parts = (("lacks", missing), ("has unknown", unexpected))
        problems = " and ".join(f"{verb} {listed_keys(names)}" for verb, names in parts if names)
        raise WeightsError(f"{path} {problems}; it does not fit {type(module).__name__}: choose another file.")
    for name, tensor in weights.items():
        _check(name, tensor, expected[name], path)
    # Copies, because a mapped file may be overwritten while the model is in use.
    dtype_of = dtype if callable(dtype) else (lambda _: dtype)
    copies = {name: tensor.to(device, dtype_of(name), copy=True) for name, tensor in weights.items()}
    check_finite(copies, path)
    module.load_state_dict(copies, assign=True)
    return module


def check_finite(weights: Mapping[str, Tensor], path: object) -> None:
    """Raises WeightsError for NaN and infinities, which would draw black pictures instead of failing."""
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            kind = str(tensor.dtype).removeprefix("torch.")
            raise WeightsError(
                f"{path}: {listed_keys([name])} holds values that are not numbers in {kind}; copy or convert the "
                "model again, or load it in another dtype."
            )


def _check(name: str, tensor: Tensor, expected: Tensor, path: str | Path) -> None:
    if tensor.shape != expected.shape:
        raise WeightsError(
            f"{path}: {name} is {_shape(tensor)} and should be {_shape(expected)}; "
            "the file mixes models of different sizes, choose another one."
        )
    if tensor.dtype not in _PLAIN:
        raise WeightsError(
            f"{path}: {name} is {str(tensor.dtype).removeprefix('torch.')}; quantised weights are "
            "not supported, use the fp32, bf16 or fp16 file."
        )


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"
