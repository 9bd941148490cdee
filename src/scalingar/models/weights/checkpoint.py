"""Reading third-party weight files without running code.

PyTorch files are opened with ``weights_only=True``; like safetensors they are memory-mapped.
"""

import argparse
import json
import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from scalingar.core.errors import WeightsError
from scalingar.core.files import sha256
from scalingar.models.weights.torchscript import read_torchscript

CONTAINERS = ("model", "module", "state_dict")
"""Keys under which training scripts store weights, in the order in which they are tried."""

FOLDER_FILES = (
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "pytorch_model.bin",
    "consolidated.pth",
)
"""Generic file names, preferred in this order."""
_WRAPPERS = re.compile(r"^(module\.)+|_orig_mod\.|_fsdp_wrapped_module\.")
_SHOWN = 3

M = TypeVar("M", bound=nn.Module)


class Contents:
    """The content of a weight file, or of a folder with one weight file or with shards and an ``index.json``.

    Raises:
        WeightsError: it is missing, truncated, in another format, or a pickle of more than tensors.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self._files = {file: _read(file) for file in weight_files(self.path)}

    def weights(self, containers: tuple[str, ...] = CONTAINERS) -> dict[str, Tensor]:
        """The tensors by name, at the top level or under one of ``containers``.

        Prefixes of DDP, FSDP and torch.compile are removed. Raises WeightsError if there are no tensors.
        """
        tensors: dict[str, Tensor] = {}
        for file, content in self._files.items():
            tensors |= _unwrapped(content, file, containers)
        weights = {_WRAPPERS.sub("", name): tensor for name, tensor in tensors.items()}
        if len(weights) < len(tensors):
            raise WeightsError(
                f"{self.path} holds some tensors twice, with and without the prefix of a wrapper such as "
                "'module.'; save one state dict only."
            )
        return weights

    def weights_or_empty(self, containers: tuple[str, ...] = CONTAINERS) -> dict[str, Tensor]:
        """As :meth:`weights`, but empty if there are no tensors."""
        try:
            return self.weights(containers)
        except WeightsError:
            return {}


def read_weights(path: str | Path, *, containers: tuple[str, ...] = CONTAINERS) -> dict[str, Tensor]:
    """The tensors of a file or folder, on the CPU; see :class:`Contents`. Raises WeightsError."""
    return Contents(path).weights(containers)


def fit_weights(
    module: M,
    weights: Mapping[str, Tensor],
    path: str | Path,
    *,
    dtype: torch.dtype | Callable[[str], torch.dtype],
    device: str | torch.device = "cpu",
) -> M:
    """Load copies of ``weights`` into ``module``, which may be on "meta".

    ``dtype``: for all weights, or a function of their names.

    Raises:
        WeightsError: names are missing or unexpected, or a shape or dtype does not fit.
    """
    expected = module.state_dict()
    missing = [name for name in expected if name not in weights]
    unexpected = [name for name in weights if name not in expected]
    if missing or unexpected:
        parts = (("lacks", missing), ("has unknown", unexpected))
        problems = " and ".join(f"{verb} {listed_keys(names)}" for verb, names in parts if names)
        raise WeightsError(f"{path} {problems}; it does not fit {type(module).__name__}: choose another file.")
    for name, tensor in weights.items():
        _check(name, tensor, expected[name], path)
    # Copies, because a mapped file may be overwritten while the model is in use.
    dtype_of = dtype if callable(dtype) else (lambda _: dtype)
    copies = {name: tensor.to(device, dtype_of(name), copy=True) for name, tensor in weights.items()}
    module.load_state_dict(copies, assign=True)
    return module


def _check(name: str, tensor: Tensor, expected: Tensor, path: str | Path) -> None:
    if tensor.shape != expected.shape:
        raise WeightsError(
            f"{path}: {name} is {_shape(tensor)} and should be {_shape(expected)}; "
            "the file mixes models of different sizes, choose another one."
        )
    if not tensor.is_floating_point():
        raise WeightsError(
            f"{path}: {name} is {str(tensor.dtype).removeprefix('torch.')}; quantised weights are "
            "not supported, use the fp32, bf16 or fp16 file."
        )


def listed_keys(keys: Iterable[str]) -> str:
    """The first few names, for a message."""
    names = list(keys)
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"


def weight_file_names(path: Path) -> list[Path]:
    """Paths to read one by one: the file itself, a folder that holds one model, or each weight file in a folder."""
    if not path.is_dir() or any(path.glob("*.index.json")):
        return [path]
    standard = [name for name in FOLDER_FILES if (path / name).is_file()]
    files = sorted(file for file in path.iterdir() if file.suffix in _READERS)
    # Folders often hold the same model in an older format too.
    return [file for file in files if file.name not in standard[1:]] or [path]


def weight_files(path: Path) -> list[Path]:
    """The file itself, or the files of the model in a folder. Raises WeightsError."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise WeightsError(f"no weights at {path}: there is no such file or folder.")
    indices = sorted(path.glob("*.safetensors.index.json")) or sorted(path.glob("*.index.json"))
    if indices:
        return _shards(indices[0])
    named = [path / name for name in FOLDER_FILES if (path / name).is_file()]
    if named:
        return named[:1]
    files = sorted(file for file in path.iterdir() if file.suffix in _READERS)
    if len(files) == 1:
        return files
    content = f"several weight files ({listed_keys(file.name for file in files)})" if files else "no weights"
    raise WeightsError(f"{path} holds {content}; give the path of the file to load.")


def file_hashes(*paths: str | Path) -> dict[str, str]:
    """SHA-256 of the weight files in files and folders, by file name. Raises WeightsError."""
    files = [file for path in dict.fromkeys(map(Path, paths)) for file in weight_files(path.expanduser())]
    names = [file.name for file in files]
    labels = [file.name if names.count(file.name) == 1 else f"{file.parent.name}/{file.name}" for file in files]
    return {label: sha256(file) for label, file in zip(labels, files, strict=True)}


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError):
        raise WeightsError(
            f"{index} is damaged: it should map each tensor to a file under 'weight_map'; copy it again."
        ) from None
    for name in names:
        # Names are untrusted: they must not lead out of the folder.
        if Path(name).name != name:
            raise WeightsError(f"{index} names {name!r}; shards must lie in the same folder.")
        if not (index.parent / name).is_file():
            raise WeightsError(f"{index} names {name!r}, which is missing; copy that file too.")
    return [index.parent / name for name in names]


def _read(file: Path) -> Any:
    reader = _READERS.get(file.suffix)
    if reader is None:
        raise WeightsError(f"{file} ends in {file.suffix or 'nothing'!r}; weights end in {', '.join(_READERS)}.")
    try:
        with file.open("rb") as opened:
            start = opened.read(16)
        if not start:
            raise WeightsError(f"{file} is empty; copy it again.")
        if start.startswith(b"version https://"):
            raise WeightsError(f"{file} is a Git LFS pointer; run 'git lfs pull' to get the file.")
        return reader(file)
    except OSError as error:
        raise WeightsError(f"{file} cannot be read: {error.strerror or error}.") from None


def _read_safetensors(file: Path) -> Any:
    try:
        return load_file(file)
    except SafetensorError as error:
        raise WeightsError(f"{file} is cut short or not a safetensors file ({error}); copy it again.") from None


def _read_pytorch(file: Path) -> Any:
    # LlamaGen's own training scripts save their command line beside the weights.
    with torch.serialization.safe_globals([argparse.Namespace]):
        try:
            return torch.load(file, map_location="cpu", weights_only=True, mmap=_is_zip(file))
        except pickle.UnpicklingError as error:
            raise WeightsError(_refused(file, str(error))) from None
        except MemoryError:
            raise
        except Exception:
            # The unpickler can raise anything on damaged content.
            raise WeightsError(_damaged(file)) from None


def _is_zip(file: Path) -> bool:
    """Files before PyTorch 1.6 are plain pickles and cannot be mapped."""
    with file.open("rb") as opened:
        return opened.read(2) == b"PK"


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


_READERS: dict[str, Callable[[Path], Any]] = {
    ".safetensors": _read_safetensors,
    ".pt": _read_pytorch,
    ".pth": _read_pytorch,
    ".bin": _read_pytorch,
    ".ckpt": _read_pytorch,
    ".jit": read_torchscript,
}


def _unwrapped(content: Any, file: Path, containers: tuple[str, ...]) -> dict[str, Tensor]:
    """The tensors of the innermost dictionary that has any."""
    while isinstance(content, Mapping):
        tensors = {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
        if tensors:
            return tensors
        inner = next((name for name in containers if name in content), None)
        if inner is None:
            keys = listed_keys(map(str, content)) or "nothing"
            raise WeightsError(
                f"{file} holds no weights, only {keys}; tensors must be at the top level or under "
                f"{', '.join(containers)}."
            )
        content = content[inner]
    raise WeightsError(f"{file} holds a {type(content).__name__}, not a dictionary of tensors.")
