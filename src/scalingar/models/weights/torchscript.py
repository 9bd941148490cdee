"""The tensors of a TorchScript archive, read without running or compiling what else it holds.

``torch.jit.load`` would build the program; here a pickle reader that knows nothing but tensors, lists and empty objects
collects the attributes of the modules, by the names of their state dict.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scalingar.core.errors import WeightsError

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_LISTS = ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist")


class _Module:
    """An object of the archive: its attributes by name."""

    attributes: dict[str, Any]

    def __setstate__(self, state: Any) -> None:
        self.attributes = state if isinstance(state, dict) else {}


class _Reader(pickle.Unpickler):
    """Resolves the few names that tensors and modules need; any other is refused."""

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(archive.open(f"{root}data.pkl"))
        self.archive, self.root = archive, root

    def find_class(self, module: str, name: str) -> Any:
        if module == "__torch__" or module.startswith("__torch__."):
            return _Module
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if module == "torch.jit._pickle" and name in _LISTS:
            return list
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Tensor:
        """All numbers of a storage, in a row."""
        _, dtype, key, _, count = pid
        values = bytearray(self.archive.read(f"{self.root}data/{key}"))
        return torch.frombuffer(values, dtype=dtype, count=count) if count else torch.empty(0, dtype=dtype)


def _tensor(values: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    return torch.as_strided(values, size, stride, offset)


def read_torchscript(file: Path) -> dict[str, Tensor]:
    """Parameters and buffers by their names in the state dict. Raises WeightsError for another kind of file."""
    try:
        with zipfile.ZipFile(file) as archive:
            root = next(name for name in archive.namelist() if name.endswith("/data.pkl")).removesuffix("data.pkl")
            return dict(_tensors(_Reader(archive, root).load()))
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{file} holds {error}, not only modules and tensors; it was not opened.") from None
    except (OSError, MemoryError):
        raise
    except Exception:
        # The unpickler can raise anything on damaged content.
        raise WeightsError(f"{file} is cut short or no TorchScript archive; copy it again.") from None


def _tensors(node: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    for key, value in node.attributes.items():
        if isinstance(value, Tensor):
            yield f"{name}{key}", value
        elif isinstance(value, _Module):
            yield from _tensors(value, f"{name}{key}.")
