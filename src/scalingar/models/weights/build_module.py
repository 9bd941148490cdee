"""Building modules from weights, without random initialisation."""

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
    """Skips random initialisation. (The device "meta" would do too, but makes torch import its compiler.)"""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def build_module(
    make: Callable[[], M],
    weights: Mapping[str, Tensor],
    path: str | Path,
    *,
    dtype: torch.dtype | Callable[[str], torch.dtype] = torch.float32,
    device: str | torch.device = "cpu",
) -> M:
    """The module that ``make`` returns with copies of ``weights``, frozen and in evaluation mode.

    Raises:
        WeightsError: the weights, which come from ``path``, do not fit.
    """
    with _NoInitialisation():
        module = make()
    # Moved again for buffers that are computed, not stored.
    return fit_weights(module, weights, path, dtype=dtype, device=device).to(device).eval().requires_grad_(False)


@contextmanager
def empty_transformers() -> Iterator[None]:
    """Build modules of transformers without initialisation; the global random generator keeps its state."""
    from transformers.initialization import no_init_weights  # noqa: PLC0415

    with no_init_weights(), torch.random.fork_rng(devices=[]):
        yield
