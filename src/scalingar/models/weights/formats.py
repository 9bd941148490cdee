"""Reading one weight file without running code, holding what it claims against its own size.

PyTorch files are opened with ``weights_only=True``; like safetensors they are memory-mapped.
"""

import argparse
import pickle
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.models.weights.foreign import check_names
from scalingar.models.weights.listed import listed_keys
from scalingar.models.weights.torchscript import read_torchscript

_MOST_EXPANDED = 100
"""A compressed file that claims to be larger by more than this is not opened."""
_LARGEST_PICKLE = 2**24
"""Bytes of the pickle beside the tensors of a PyTorch file: room for 80 000 tensors."""
_MOST_OPERATIONS = 2_000_000
"""Of the pickles that a PyTorch file from before 1.6 begins with: room for 40 000 tensors."""
_OLD_PICKLES = 5
"""Magic number, protocol, the machine's sizes, the content, and the names of its storages."""
_TOO_MANY = "a list of objects too long for a model; save its state dict alone."
_TENSORS = "data/"


def read_file(file: Path) -> Any:
    """The content of a weight file.

    Raises:
        WeightsError: it is missing, truncated, in another format, a pickle of more than tensors, or claims tensors
            that it does not hold.
    """
    reader = READERS.get(file.suffix)
    if reader is None:
        raise WeightsError(f"{file} ends in {file.suffix or 'nothing'!r}; weights end in {', '.join(READERS)}.")
    try:
        size = check_start(file)
        content = reader(file)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise WeightsError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    _check_claims(content, file, size)
    check_names((name for name, _ in _tensors(content)), file)
    return content


def check_start(file: Path) -> int:
    """Its size in bytes. Raises WeightsError for an empty file and a Git LFS pointer, OSError, ValueError."""
    with file.open("rb") as opened:
        start = opened.read(16)
    if not start:
        raise WeightsError(f"{file} is empty; copy it again.")
    if start.startswith(b"version https://"):
        raise WeightsError(f"{file} is a Git LFS pointer; run 'git lfs pull' to get the file.")
    return file.stat().st_size


def _read_safetensors(file: Path) -> Any:
    try:
        return load_file(file)
    except SafetensorError as error:
        reason = str(error)[:200]
        raise WeightsError(f"{file} is cut short or not a safetensors file ({reason}); copy it again.") from None
    except (KeyError, RuntimeError, TypeError) as error:  # a dtype that torch does not have
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{file} holds a tensor that torch cannot read ({reason}); save it again.") from None


def _read_pytorch(file: Path) -> Any:
    members = _members(file)
    if members is None:
        _check_pickles(file)
    # A mapped file is read as it lies on the disk, so that compressed tensors would come out as other numbers.
    mapped = members is not None and all(member.compress_type == zipfile.ZIP_STORED for member in members)
    # LlamaGen's own training scripts save their command line beside the weights.
    with torch.serialization.safe_globals([argparse.Namespace]):
        try:
            content = torch.load(file, map_location="cpu", weights_only=True, mmap=mapped)
        except pickle.UnpicklingError as error:
            raise WeightsError(_refused(file, str(error))) from None
        except MemoryError:
            raise
        except Exception:
            # The unpickler can raise anything on damaged content.
            raise WeightsError(_damaged(file)) from None
    if members is not None:
        # Each tensor's memory is a whole member of the archive; the next member must not be read as a part of it.
        _check_claims(content, file, None, {member.file_size for member in members if _TENSORS in member.filename})
    return content


def _read_torchscript(file: Path) -> Any:
    _members(file)
    return read_torchscript(file)


def _members(file: Path) -> list[zipfile.ZipInfo] | None:
    """What the archive holds; None for files from before PyTorch 1.6, plain pickles. Raises WeightsError."""
    with file.open("rb") as opened:
        if opened.read(2) != b"PK":
            return None
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        raise WeightsError(_damaged(file)) from None
    if sum(member.file_size for member in members) > _MOST_EXPANDED * file.stat().st_size:
        raise WeightsError(f"{file} is compressed and claims to be many times its size; save it again.")
    if any(member.file_size > _LARGEST_PICKLE for member in members if member.filename.endswith("data.pkl")):
        raise WeightsError(f"{file} holds {_TOO_MANY}")
    return members


def _check_pickles(file: Path) -> None:
    """Raises WeightsError if the pickles before the tensors of an old PyTorch file are damaged, or have no end."""
    operations = 0
    with file.open("rb") as opened:
        try:
            for _ in range(_OLD_PICKLES):
                for _ in pickletools.genops(opened):
                    operations += 1
                    if operations > _MOST_OPERATIONS:
                        raise WeightsError(f"{file} holds {_TOO_MANY}")
        except WeightsError:
            raise
        except Exception:  # genops raises anything on damaged content
            raise WeightsError(_damaged(file)) from None


def _check_claims(content: Any, file: Path, size: int | None, members: Set[int] | None = None) -> None:
    """Raises WeightsError unless tensors are plain and no larger than the file, or have the sizes of its members."""
    for name, tensor in _tensors(content):
        if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.is_quantized or tensor.is_nested:
            raise WeightsError(f"{file}: {listed_keys([name])} is no plain tensor; save it dense and unquantised.")
        whole = members is None or tensor.untyped_storage().nbytes() in members
        if not whole or (size is not None and tensor.numel() * tensor.element_size() > size):
            raise WeightsError(
                f"{file}: {listed_keys([name])} claims {tensor.numel()} numbers, more than the file has for it; copy "
                "it again."
            )


def _tensors(content: Any) -> Iterator[tuple[str, Tensor]]:
    """All tensors in nested dictionaries by their names; a dictionary may hold itself."""
    seen: set[int] = set()
    left = [("", content)]
    while left:
        name, value = left.pop()
        if isinstance(value, Tensor):
            yield name, value
        elif isinstance(value, Mapping) and id(value) not in seen:
            seen.add(id(value))
            left += [(str(key), inner) for key, inner in value.items()]


def _damaged(file: Path) -> str:
    return f"{file} is cut short or not a PyTorch weight file; copy it again."


def _refused(file: Path, reason: str) -> str:
    named = re.search(r"GLOBAL ([\w.]+)", reason)
    if named is None:
        return _damaged(file)
    return (
        f"{file} holds {named[1]}, not only tensors; it was not opened, because that could run "
        "code. Save its state dict alone, best as safetensors."
    )


READERS: dict[str, Callable[[Path], Any]] = {
    ".safetensors": _read_safetensors,
    ".pt": _read_pytorch,
    ".pth": _read_pytorch,
    ".bin": _read_pytorch,
    ".ckpt": _read_pytorch,
    ".jit": _read_torchscript,
}
"""By the ending of the file's name."""
