"""Which files of a folder hold a model."""

import json
import re
from os.path import isdir, isfile  # unlike those of pathlib they say no to a path that cannot be
from pathlib import Path

from scalingar.core.errors import WeightsError
from scalingar.core.files import expanded, sha256
from scalingar.models.weights.foreign import check_form, check_parts
from scalingar.models.weights.formats import READERS
from scalingar.models.weights.listed import listed_keys

FOLDER_FILES = (
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "pytorch_model.bin",
    "consolidated.pth",
)
"""Generic file names, preferred in this order."""

_LONGEST = 200
"""Letters of a path in a message."""

_OF_TRAINERS = re.compile(
    r"(?:optimizer|optim|scheduler|lr_scheduler|scaler|sampler|rng_state|random_states|training_args)(?:[._-]|$)"
    r"|.*optim_states"
)
"""What trainers keep beside a model: the state of everything else."""


def weight_file_names(path: Path) -> list[Path]:
    """Paths to read one by one: the file itself, a folder that holds one model, or each weight file in a folder.

    Raises WeightsError for a folder with a model in parts or in a form that is not read.
    """
    if not isdir(path) or any(path.glob("*.index.json")):
        return [path]
    check_form(path)
    files = _models(path)
    check_parts(path, empty=not files)
    standard = [name for name in FOLDER_FILES if (path / name).is_file()]
    # Folders often hold the same model in an older format too.
    return [file for file in files if file.name not in standard[1:]] or [path]


def weight_files(path: Path) -> list[Path]:
    """The file itself, or the files of the model in a folder. Raises WeightsError."""
    check_form(path)
    if isfile(path):
        return [path]
    if not isdir(path):
        raise WeightsError(f"no weights at {str(path)[:_LONGEST]}: there is no such file or folder.")
    indices = sorted(path.glob("*.safetensors.index.json")) or sorted(path.glob("*.index.json"))
    if indices:
        return _shards(indices[0])
    named = [path / name for name in FOLDER_FILES if (path / name).is_file()]
    if named:
        return named[:1]
    files = _models(path)
    if len(files) == 1:
        return files
    check_parts(path, empty=not files)
    content = f"several weight files ({listed_keys(file.name for file in files)})" if files else "no weights"
    raise WeightsError(f"{path} holds {content}; give the path of the file to load.")


def _models(folder: Path) -> list[Path]:
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix in READERS)
    except OSError as error:
        raise WeightsError(f"{folder} cannot be read: {error.strerror}.") from None
    return [file for file in files if not _OF_TRAINERS.match(file.name)]


def file_hashes(*paths: str | Path) -> dict[str, str]:
    """SHA-256 of the weight files in files and folders, by file name. Raises WeightsError."""
    files = [file for path in dict.fromkeys(map(expanded, paths)) for file in weight_files(path)]
    names = [file.name for file in files]
    labels = [file.name if names.count(file.name) == 1 else f"{file.parent.name}/{file.name}" for file in files]
    return {label: sha256(file) for label, file in zip(labels, files, strict=True)}


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        damaged = not all(isinstance(name, str) for name in names)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        damaged = True
    if damaged:
        raise WeightsError(
            f"{index} is damaged: it should map each tensor to a file under 'weight_map'; copy it again."
        )
    for name in names:
        # Names are untrusted: they must not lead out of the folder.
        if Path(name).name != name:
            raise WeightsError(f"{index} names {listed_keys([name])}; shards must lie in the same folder.")
        if not isfile(index.parent / name):
            raise WeightsError(f"{index} names {listed_keys([name])}, which is missing; copy that file too.")
    return [index.parent / name for name in names]
