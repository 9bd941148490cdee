"""torch's device without values in place of an accelerator, to see what waits for it.

What reads a value of its tensors raises by itself: ``int(x)``, ``bool(x)``, ``x.tolist()``, ``x.cpu()``, ``x[mask]``.
Copies from the host do not, and are noted here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

DEVICE = torch.device("meta")


@dataclass(frozen=True)
class Upload:
    """A copy from the host to the device. ``waits``: as an ordinary one does, until the device has done its work."""

    shape: tuple[int, ...]
    waits: bool


class _Made(TorchFunctionMode):
    """Notes tensors made on the device from values of the host, which are copied there."""

    def __init__(self, uploads: list[Upload]) -> None:
        super().__init__()
        self.uploads = uploads

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        listed = func is torch.as_tensor and not isinstance(args[0], Tensor | np.ndarray)
        from_values = listed or func in (torch.tensor, Tensor.new_tensor)
        if from_values and made.device == DEVICE:
            self.uploads.append(Upload(tuple(made.shape), waits=True))
        return made


class PretendedDevice(TorchDispatchMode):
    """While it is on, uploads are noted, also those that torch makes where tensors of both kinds meet."""

    def __init__(self) -> None:
        super().__init__()
        self.uploads: list[Upload] = []
        self._made = _Made(self.uploads)

    def __enter__(self) -> "PretendedDevice":
        self._made.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._made.__exit__(*error)

    def taken(self) -> list[Upload]:
        """The uploads since this was asked last."""
        uploads = [*self.uploads]
        self.uploads.clear()
        return uploads

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        given, made = _tensors((args, kwargs)), _tensors(result)
        if any(tensor.device == DEVICE for tensor in [*given, *made]):
            copies = getattr(func, "overloadpacket", None) in _COPIES
            waits = not (copies and _given("non_blocking", func, args, kwargs))
            # A number from the host goes along with the call.
            self.uploads += [Upload(tuple(t.shape), waits) for t in given if t.device != DEVICE and (t.ndim or copies)]
        return result


_COPIES = (torch.ops.aten._to_copy, torch.ops.aten.to, torch.ops.aten.copy_)


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _given(name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """An argument of an operator, wherever it stands; None if it was not given."""
    places = [argument.name for argument in func._schema.arguments]
    return {**dict(zip(places, args, strict=False)), **kwargs}.get(name)
