"""Checks every jaxtyping annotation of the package while the tests run, and no other annotation.

Jaxtyping's import hook wraps each function and each dataclass and hands its signature to :func:`check_shapes`. A
general type checker would also refuse the tests' doubles, and looks at one random element of a list; this one looks
at all of them. What a generator yields is not checked.
"""

import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any, Union, get_args, get_origin

import numpy as np
from jaxtyping import AbstractArray, config, install_import_hook
from torch import Tensor

Check = Callable[[Any], bool]


def install() -> None:
    """Check what is imported of the package from now on."""
    install_import_hook("scalingar", "tests.shapes.check_shapes")


@contextmanager
def unchecked() -> Iterator[None]:
    """For what the package itself says of wrong shapes, and for the compiler, which cannot read a checked function."""
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", False)


def check_shapes(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which now raises TypeError for an array that is not what its annotation says."""
    signature = inspect.signature(function)
    hints = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    checks = {name: check for name, hint in hints.items() if (check := check_of(hint))}
    check_result = check_of(signature.return_annotation)
    if not checks and check_result is None:
        return function

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        arguments = signature.bind(*args, **kwargs).arguments
        for name, check in checks.items():
            if name in arguments and not check(arguments[name]):
                raise TypeError(f"{name} is not {hints[name]}")
        result = function(*args, **kwargs)
        if check_result is not None and not check_result(result):
            raise TypeError(f"the result is not {signature.return_annotation}")
        return result

    return checked


def check_of(hint: Any) -> Check | None:
    """What a value must pass under an annotation; None where the annotation says no shape."""
    if inspect.isclass(hint) and issubclass(hint, AbstractArray):
        return lambda value: isinstance(value, hint)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return check_of(parts[0])
    checks = [check_of(part) for part in parts]
    if not any(checks):
        return None
    if origin in (Union, types.UnionType):
        return _any_of(parts, checks)
    return _all_in(origin, parts, checks) if inspect.isclass(origin) else None


def _all_in(origin: type, parts: Sequence[Any], checks: Sequence[Check | None]) -> Check | None:
    """What is in a container; None of other types, such as callables and iterators."""
    if issubclass(origin, Mapping):
        return _every(Mapping, checks[1], lambda value: value.values())
    if issubclass(origin, tuple) and ... not in parts:
        return lambda value: isinstance(value, tuple) and len(value) == len(parts) and all(map(_passes, checks, value))
    return _every(Sequence, checks[0]) if issubclass(origin, Sequence) else None


def _every(kind: type, check: Check | None, values: Callable[[Any], Any] = iter) -> Check:
    return lambda value: isinstance(value, kind) and all(_passes(check, one) for one in values(value))


def _passes(check: Check | None, value: Any) -> bool:
    return check is None or check(value)


def _any_of(parts: Sequence[Any], checks: Sequence[Check | None]) -> Check:
    """One of the shapes; or, where the union has members of other kinds, anything but an array."""
    mixed = None in checks

    def check(value: Any) -> bool:
        if any(one(value) for one in checks if one is not None):
            return True
        return mixed and (not isinstance(value, Tensor | np.ndarray) or type(value) in parts)

    return check
