"""Modules without weights, to be filled from a file."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from scalingar.models.weights.checkpoint import fit_weights

M = TypeVar("M", bound=nn.Module)


class _NoInitialisation(TorchFunctionMode):
    """Leaves new weights undrawn: their memory is not even touched. (On "meta", torch would import its compiler.)"""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def filled(
    make: Callable[[], M],
    weights: Mapping[str, Tensor],
    path: str | Path,
    *,
    dtype: torch.dtype | Callable[[str], torch.dtype],
    device: str | torch.device = "cpu",
) -> M:
    """What ``make`` builds, with copies of ``weights``, ready to use and frozen.

    Raises:
        WeightsError: the weights, which come from ``path``, are another model's.
    """
    with _NoInitialisation():
        module = make()
    return fit_weights(module, weights, path, dtype=dtype, device=device).eval().requires_grad_(False)


@contextmanager
def empty_transformers() -> Iterator[None]:
    """Modules of transformers built inside have shapes but no values.

    Some draw numbers by themselves: the global generator is left as it was.
    """
    from transformers.initialization import no_init_weights  # noqa: PLC0415

    with no_init_weights(), torch.random.fork_rng(devices=[]):
        yield
