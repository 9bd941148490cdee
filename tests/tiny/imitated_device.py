"""An accelerator imitated in Python on the CPU, with values: whole strategies run there.

Its tensors each hold one of the CPU, with which every operation is computed, so that results are those of the CPU to
the bit. What CUDA refuses is refused: an operation on tensors of two devices. What CUDA does by waiting is counted in
``COUNTED``; an index of the host's, which every call would copy and wait for, is refused.

There are two such devices. Kernels, graphs and autocast are not imitated. torch calls its part in this experimental. It
goes on to count the device among its own when the test is over, and would prefer it to a GPU; so where there is a GPU
nothing is imitated.
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
_SIZED = (
    *(_aten.nonzero, _aten.argwhere, _aten.masked_select, _aten.bincount),
    *(_aten._unique2, _aten.unique_dim, _aten.unique_consecutive, _aten.repeat_interleave),
)
"""Results whose size depends on values, so that the host has to know these."""
_BESIDE_NUMBERS = (_aten.where, _aten.masked_fill, _aten.masked_fill_, _aten.fill_, _aten.clamp, _aten.lerp)
"""What takes a single number of the host's as pointwise operations do, but is not marked as one."""
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
    if operation not in _COPIES and (len(devices) > 1 or (own and not all(_fits(func, args, one) for one in others))):
        told = ", ".join(f"{tuple(one.shape)} on {one.device}" for one in tensors)
        raise RuntimeError(f"Expected all tensors to be on the same device, but {func} was given {told}")
    if func is _aten.to.other:
        asked = [tensors[1].device]
    target = asked[0] if asked else next(iter(devices), _CPU)
    _count(operation, args, kwargs, own, others, target)
    result = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    if any(one.shape != one.held.shape for one in own):
        raise NotImplementedError(f"{func} changed a shape in place, which the imitated device cannot follow")
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


def _fits(func: Any, args: Any, host: Tensor) -> bool:
    """Whether a tensor of the host's may stand beside those of the device: a single number that is only read."""
    pointwise = torch.Tag.pointwise in func.tags or func.overloadpacket in _BESIDE_NUMBERS
    written = func._schema.is_mutable and args and args[0] is host
    return not host.ndim and pointwise and not written


def _held(value: Any) -> Any:
    """What takes an argument's place on the CPU."""
    return value.held if isinstance(value, OnDevice) else _CPU if isinstance(value, torch.device) else value


def _numbered(device: torch.device) -> torch.device:
    return torch.device(NAME, 0) if device.type == NAME and device.index is None else device


def _count(operation: Any, args: Any, kwargs: Any, own: Any, others: Any, target: torch.device) -> None:
    """Count a wait."""
    if operation in _READING + _SIZED:
        waits = True
    elif operation in (_aten.index, _aten.index_put, _aten.index_put_):
        masked = any(index is not None and index.dtype == torch.bool for index in args[1])
        waits = masked and (operation is _aten.index or args[2].numel() > 1)
    elif operation is _aten.copy_ and own and others:
        goes_on = kwargs.get("non_blocking") or (len(args) > 2 and args[2])
        waits = not (isinstance(args[0], OnDevice) and (goes_on or not others[0].ndim))
    else:
        waits = operation in _COPIES and bool(own) and target == _CPU
    COUNTED.waits += waits


class _Module:
    """What torch asks the module of a device."""

    there = False

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return self.there

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

    class Hooks(backend_registration._DummyPrivateUse1Hook):
        """What torch asks of a device in C++."""

        def is_available(self) -> bool:
            return _Module.there

    backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=_Module(), hook=Hooks())
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
    if torch.cuda.is_available() or not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
        pytest.skip("no device is imitated where there is a GPU, or by a torch that cannot")
    _registered()
    _device_constructors()  # torch keeps a list of its factories, which must be its own
    with pytest.MonkeyPatch.context() as patch:
        for name, waits in _FACTORIES.items():
            patch.setattr(torch, name, _sent(getattr(torch, name), waits))
        # A module that moves takes new tensors: what a tensor holds does not go along when another is put in its place.
        patch.setattr(torch.__future__, "_overwrite_module_params_on_conversion", True)
        patch.setattr(_Module, "there", True)
        patch.setattr("scalingar.pipeline.model_choice.DEVICES", ("cpu", "cuda", "mps", "xpu", NAME))
        yield
