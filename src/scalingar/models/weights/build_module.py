"""Building modules from weights, without random initialisation."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from scalingar.core.errors import WeightsError
from scalingar.models.weights.fitting import fit_weights

M = TypeVar("M", bound=nn.Module)


_ALLOCATING = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.arange)
_TABLES = 2**22
"""Numbers that a network may compute, beside those that it stores."""
_BUFFERS = 1000


class _NotInFileError(Exception):
    """A network asks for more than its file holds."""


class _Frugal(TorchFunctionMode):
    """Skips random initialisation, and stops a network that asks for more memory than its weights fill.

    Sizes come out of files, and a file of a few bytes can claim a network of terabytes or of endlessly many layers.
    (The device "meta" would do for the first, but makes torch import its compiler.)
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.tensors = 2 * len(weights) + _BUFFERS
        self.numbers = 2 * sum(tensor.numel() for tensor in weights.values()) + _TABLES

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        if func in _ALLOCATING:
            self.tensors -= 1
            self.numbers -= _asked(args, kwargs)
            if min(self.tensors, self.numbers) < 0:
                raise _NotInFileError("they are larger than the file")
        return func(*args, **kwargs)


def _asked(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """How many numbers are allocated; of a range no fewer than there are."""
    first = kwargs.get("size", args[0] if args else 0)
    sizes = first if isinstance(first, tuple | list) else [size for size in args if isinstance(size, int)]
    return math.prod(sizes)


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
        WeightsError: the weights, which come from ``path``, do not fit, are not finite, or are fewer than the network
            asks for; or its sizes make no network.
    """
    try:
        with _Frugal(weights):
            module = make()
    except (_NotInFileError, RuntimeError, ValueError, TypeError, ArithmeticError, LookupError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{path}: the sizes of the network make no sense ({reason}); copy it again, or choose another file."
        ) from error
    # Moved again for buffers that are computed, not stored.
    return fit_weights(module, weights, path, dtype=dtype, device=device).to(device).eval().requires_grad_(False)


@contextmanager
def empty_transformers() -> Iterator[None]:
    """Build modules of transformers without initialisation; the global random generator keeps its state."""
    from transformers.initialization import no_init_weights  # noqa: PLC0415

    with no_init_weights(), torch.random.fork_rng(devices=[]):
        yield
