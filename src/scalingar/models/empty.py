"""Modules without weights, to be filled from a file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class _NoInitialisation(TorchFunctionMode):
    """Leaves new weights undrawn: their memory is not even touched. (On "meta", torch would import its compiler.)"""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@contextmanager
def empty_weights() -> Iterator[None]:
    """Modules built inside have shapes but no values."""
    with _NoInitialisation():
        yield


@contextmanager
def empty_transformers() -> Iterator[None]:
    """The same for transformers' classes. Some draw numbers by themselves: the global generator is left as it was."""
    from transformers.initialization import no_init_weights  # noqa: PLC0415

    with no_init_weights(), torch.random.fork_rng(devices=[]):
        yield
