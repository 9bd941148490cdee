"""Checks every jaxtyping annotation of the package while the tests run, and no other annotation.

Jaxtyping's import hook decorates each function and each dataclass, here with :func:`checked`: functions without a shape
stay as they are, because the library's own wrapper would double the time the tests take. A general type checker would
also refuse the tests' doubles, and looks at one random element of a list; this one looks at all of them. What a
generator yields is not checked.
"""

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any, Union, cast, get_args, get_origin

import jaxtyping
import numpy as np
from jaxtyping import AbstractArray, TypeCheckError, install_import_hook, jaxtyped
from torch import Tensor

Check = Callable[[Any], bool]
_active = True


def install() -> None:
    """Check what is imported of the package from now on."""
    install_import_hook("scalingar", None)
    jaxtyping.jaxtyped = cast(Any, lambda typechecker: checked)


@contextmanager
def unchecked() -> Iterator[None]:
    """For what the package itself says of wrong shapes, and for the compiler, which cannot read a checked function."""
    global _active  # noqa: PLW0603
    before, _active = _active, False
    try:
        yield
    finally:
        _active = before


def checked(what: Any) -> Any:
    """A function, or a dataclass, that raises TypeCheckError for an array that is not what its annotation says."""
    if inspect.isfunction(what):
        return _checked(what)
    if dataclasses.is_dataclass(what) and "__init__" in vars(what):
        setattr(what, "__init__", _checked(vars(what)["__init__"]))  # noqa: B010
    return what


def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    hints = {name: _read(hint, function) for name, hint in function.__annotations__.items()}
    checks = {name: check for name, hint in hints.items() if (check := check_of(hint))}
    places = {name: place for place, name in enumerate(inspect.signature(function).parameters) if name in checks}
    if not checks:
        return function

    def inspected(name: str, value: Any) -> None:
        if not checks[name](value):
            shape = f" of {value.dtype} {tuple(value.shape)}" if hasattr(value, "shape") else ""
            where = f"{function.__module__}.{function.__qualname__}"
            raise TypeCheckError(f"{where}: '{name}' is {type(value).__name__}{shape}, not {hints[name]}")

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not _active:
            return function(*args, **kwargs)
        with jaxtyped("context"):
            for name, place in places.items():
                if place < len(args):
                    inspected(name, args[place])
                elif name in kwargs:
                    inspected(name, kwargs[name])
            result = function(*args, **kwargs)
            if "return" in checks:
                inspected("return", result)
            return result

    return wrapper


def _read(hint: Any, function: Callable[..., Any]) -> Any:
    """The annotation itself where it was written as text; nothing where it names what is defined later."""
    if not isinstance(hint, str):
        return hint
    holder = type("Holder", (), {"__annotations__": {"it": hint}})
    try:
        return typing.get_type_hints(holder, function.__globals__, include_extras=True)["it"]
    except NameError:
        return None


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
