"""``torch.compile`` for a decoding step: one program for all rows and positions, and an error one can act on."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from scalingar.core.errors import ConfigError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def compiled(
    function: Callable[Arguments, Result], *, programs: int | None = None, **options: Any
) -> Callable[Arguments, Result]:
    """The function as ``torch.compile`` makes it when it is first called, for sizes and numbers that change.

    ``programs``: how many there may be of the function, where the library's own limit is too low. Calls raise
    ConfigError where compiling fails; on the CPU it takes a C++ compiler.
    """
    built = torch.compile(function, **{"dynamic": True, **options})

    @wraps(function)
    def call(*arguments: Arguments.args, **keywords: Arguments.kwargs) -> Result:
        limit = torch._dynamo.config.patch(recompile_limit=programs) if programs else nullcontext()
        try:
            with limit:
                return built(*arguments, **keywords)
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = str(getattr(error, "inner_exception", error)).strip().split("\n")[0].rstrip(".")
            raise ConfigError(
                f"compile: torch.compile failed here ({reason}); on the CPU it needs a C++ compiler such as g++, "
                "or leave compile off."
            ) from error

    return call


def fix_sizes(tensor: Tensor, but: int | None = None) -> None:
    """Tell the compiler that no size changes from call to call, except that of axis ``but``.

    Sizes that may change are taken for one where they happen to be equal: 8 rows and 8 heads would make a program for 8
    rows only.
    """
    if not hasattr(tensor, "_dynamo_static_indices"):  # a tensor keeps its marks, and making them takes 10 µs
        torch._dynamo.mark_static(tensor, [axis for axis in range(tensor.ndim) if axis != but])
