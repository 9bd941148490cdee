"""What a folder of transformers claims, held against the weights in it before anything is built."""

import json
from collections.abc import Iterator, Mapping
from os.path import isdir
from pathlib import Path
from typing import Any

from scalingar.core.errors import WeightsError
from scalingar.models.weights.foreign import check_names, check_parts
from scalingar.models.weights.formats import check_start
from scalingar.models.weights.json_file import read_object
from scalingar.models.weights.weight_files import weight_files

_REPEATED = ("layers", "blocks", "depth", "stages", "levels", "experts")
"""What the name of a number of modules contains."""
_READ = ("model*.safetensors", "pytorch_model*.bin")
"""Files of weights that transformers looks for; a model's folder may hold others beside them."""
_LONGEST_HEADER = 2**27
_HARMLESS = 256
"""Modules that cost nothing to build; some settings only begin to matter at so many layers."""
_SMALLEST_TENSOR = 128
"""Bytes that a tensor takes in a PyTorch file at least, with its name."""
_INTEGERS = ("I", "U", "F8", "F4", "BOOL")
"""Dtypes of safetensors that hold no weights of a network that is not quantised."""


def check_folder(folder: Path, kind: str) -> None:
    """Nothing if ``folder`` is none on this machine. Otherwise it holds as many modules as ``config.json`` says.

    Raises:
        WeightsError: it holds fewer, its weights are missing, damaged, quantised, or an adapter's.
    """
    if not isdir(folder):
        return
    if not any(any(folder.glob(pattern)) for pattern in _READ):
        check_parts(folder, empty=True)
    config, files = read_object(folder / "config.json"), weight_files(folder)
    headers = [_header(file) for file in files if file.suffix == ".safetensors"]
    for file, header in zip(files, headers, strict=False):
        check_names(header, file)
    for name, entry in ((name, entry) for header in headers for name, entry in header.items()):
        if name.endswith("weight") and str(entry.get("dtype", "")).startswith(_INTEGERS):
            raise WeightsError(
                f"{folder}: {name} is {entry['dtype']}; quantised weights are not supported, use the fp32, bf16 or "
                "fp16 model."
            )
    # A pickle is not opened for this; each tensor takes some bytes of it.
    most = sum(map(len, headers)) if headers else sum(file.stat().st_size for file in files) // _SMALLEST_TENSOR
    for name, count in _counts(config):
        if count > max(most, _HARMLESS):
            raise WeightsError(
                f"{folder}: config.json says {name} {count}, but the {kind} there has no more than {most} tensors; "
                "copy it again."
            )


def _header(file: Path) -> dict[str, dict[str, Any]]:
    """Entries of a safetensors file by the tensors' names. Raises WeightsError for a damaged one."""
    try:
        size = check_start(file)
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            content: Any = json.loads(opened.read(length)) if length <= _LONGEST_HEADER else None
        entries = {name: entry for name, entry in content.items() if name != "__metadata__"}
        whole = 8 + length + max((entry["data_offsets"][1] for entry in entries.values()), default=0) == size
    except (OSError, ValueError, RecursionError, AttributeError, TypeError, KeyError, IndexError):
        whole, entries = False, {}
    if not whole:
        raise WeightsError(f"{file} is cut short or not a safetensors file; copy it again.")
    return entries


def _counts(config: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, int]]:
    """Numbers of modules, and lengths of lists, in nested settings."""
    for key, value in config.items():
        inner = f"{name}.{key}" if name else str(key)
        if isinstance(value, Mapping):
            yield from _counts(value, inner)
        elif isinstance(value, list):
            yield f"{inner} of length", len(value)
        elif isinstance(value, int) and any(word in str(key) for word in _REPEATED):
            yield inner, value
