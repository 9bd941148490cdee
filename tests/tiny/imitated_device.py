"""An accelerator imitated in Python on the CPU, with values: whole strategies run there.

Its tensors each hold one of the CPU, with which every operation is computed, so that results are those of the CPU to
the bit. What CUDA refuses is refused: an operation on tensors of two devices. What CUDA does by waiting is counted in
``COUNTED``; an index of the host's, which every call would copy and wait for, is refused.

There are two such devices. Kernels, graphs and autocast are not imitated. torch calls its part in this experimental.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import backend_registration
from torch.utils._device import _device_constructors
from torch.utils._pytree import tree_leaves, tree_map

NAME = "imitated"
_CPU = torch.device("cpu")
_aten = torch.ops.aten
_COPIES = (_aten.copy_, _aten.to, _aten._to_copy)
_READING = (_aten._local_scalar_dense, _aten.item, _aten.is_nonzero, _aten.equal)
"""Give the host a value."""
_SIZED = (_aten.nonzero, _aten.argwhere, _aten.masked_select, _aten._unique2, _aten.unique_consecutive)
"""Results whose size depends on values, so that the host has to know these."""
_INDEXED = (_aten.index, _aten.index_put, _aten.index_put_)
_FACTORIES = {"arange": False, "as_tensor": True, "tensor": True}
"""What makes tensors in ways that no device of Python can follow, and whether its values come from the host."""


@dataclass
class Counted:
    """``waits``: how often the host has waited for the device so far: for a value, or with a copy that waits."""

    waits: int = 0


COUNTED = Counted()


class OnDevice(Tensor):
    """A tensor of the device. ``held``: the CPU's, whose memory is shared as views share it."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, held: Tensor, device: torch.device) -> "OnDevice":
        with torch.inference_mode(False):  # torch cannot make views of an inference tensor of Python's
            made: OnDevice = Tensor._make_wrapper_subclass(
                cls,
                held.size(),
                strides=held.stride(),
                storage_offset=held.storage_offset(),
                dtype=held.dtype,
                device=device,
            )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        return _computed(func, args, kwargs or {})

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"{self.device}: {self.held!r}"

    def tolist(self) -> Any:
        COUNTED.waits += 1
        return self.held.tolist()

    def new_tensor(self, values: Any, **settings: Any) -> Tensor:  # type: ignore[override]
        return torch.tensor(values, **{"dtype": self.dtype, "device": self.device, **settings})


def _computed(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An operation, computed on the CPU. Raises RuntimeError where CUDA would."""
    operation = func.overloadpacket
    if operation is _aten._has_compatible_shallow_copy_type:  # asked by modules that move
        return False
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    own = [tensor for tensor in tensors if isinstance(tensor, OnDevice)]
    others = [tensor for tensor in tensors if not isinstance(tensor, OnDevice)]
    devices = {tensor.device for tensor in own}
    asked = [_numbered(leaf) for leaf in leaves if isinstance(leaf, torch.device)]
    copies = operation in _COPIES
    if not copies and (len(devices) > 1 or (own and any(one.ndim or operation in _INDEXED for one in others))):
        told = ", ".join(f"{tuple(one.shape)} on {one.device}" for one in tensors)
        raise RuntimeError(f"Expected all tensors to be on the same device, but {func} was given {told}")
    target = asked[0] if asked else next(iter(devices), _CPU)
    _count(operation, args, kwargs, own, others, target)
    result = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    known = {id(one.held): one for one in own} | {id(one): one for one in others}

    def wrapped(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        same = known.get(id(value))
        if same is not None and (same.device == target or not asked):
            return same
        value = value if same is None else value.clone()
        return value if target == _CPU else OnDevice(value, target)

    return tree_map(wrapped, result)


def _held(value: Any) -> Any:
    """What takes an argument's place on the CPU."""
    return value.held if isinstance(value, OnDevice) else _CPU if isinstance(value, torch.device) else value


def _numbered(device: torch.device) -> torch.device:
    return torch.device(NAME, 0) if device.type == NAME and device.index is None else device


def _count(operation: Any, args: Any, kwargs: Any, own: Any, others: Any, target: torch.device) -> None:
    """Count a wait."""
    if operation in _READING + _SIZED:
        waits = True
    elif operation is _aten.index:
        waits = any(index is not None and index.dtype == torch.bool for index in args[1])
    elif operation is _aten.copy_ and own and others:
        goes_on = kwargs.get("non_blocking") or (len(args) > 2 and args[2])
        waits = not (isinstance(args[0], OnDevice) and (goes_on or not others[0].ndim))
    else:
        waits = operation in _COPIES and bool(own) and target == _CPU
    COUNTED.waits += waits


class _Module:
    """What torch asks the module of a device."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 0  # of those with generators of their own

    def manual_seed_all(self, seed: int) -> None:
        pass

    def _is_in_bad_fork(self) -> bool:
        return False


@cache
def _registered() -> Any:
    """Tell torch of the device, once in a process; what is given back has to be kept."""
    if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
        pytest.skip("this torch cannot imitate a device")
    backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
    library = torch.library.Library("_", "IMPL")
    library.fallback(lambda func, *args, **kwargs: _computed(func, args, kwargs), "PrivateUse1")
    return library


def _sent(make: Callable[..., Tensor], waits: bool) -> Callable[..., Tensor]:
    """The factory, which makes a tensor for the device on the CPU and sends it."""

    @wraps(make)
    def made(*args: Any, device: Any = None, **settings: Any) -> Tensor:
        if device is None or torch.device(device).type != NAME:
            return make(*args, **({} if device is None else {"device": device}), **settings)
        if isinstance(args[0], OnDevice):
            return args[0].to(device, settings.get("dtype"))
        return make(*args, **settings).to(device, non_blocking=not waits)

    return made


@contextmanager
def imitated() -> Iterator[None]:
    """Inside, the device ``imitated`` is there, for all threads."""
    _registered()
    _device_constructors()  # torch keeps a list of its factories, which must be its own
    with pytest.MonkeyPatch.context() as patch:
        for name, waits in _FACTORIES.items():
            patch.setattr(torch, name, _sent(getattr(torch, name), waits))
        # A module that moves takes new tensors: what a tensor holds does not go along when another is put in its place.
        patch.setattr(torch.__future__, "_overwrite_module_params_on_conversion", True)
        patch.setattr("scalingar.pipeline.model_choice.DEVICES", ("cpu", "cuda", "mps", "xpu", NAME))
        yield
