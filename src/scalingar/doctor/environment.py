"""The environment of a run: versions, devices and their number formats, extras, weights."""

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from scalingar.core.device.available import available_devices
from scalingar.core.packages import EXTRAS, how_to_install, missing
from scalingar.models.embedded.installed_weights import EMBEDDED, embedded_folder
from scalingar.models.model_folder import PIPELINE, TOKENIZER, TRANSFORMER
from scalingar.pipeline.model_choice import DTYPES
from scalingar.rewards.verifiers.verifier import BY_DETECTOR, HEAD, INFO

_LIBRARIES = ("scalingar", "torch", "numpy", "pillow", "pydantic", "safetensors", "scikit-learn")


@dataclass(frozen=True)
class Fact:
    """One line of the report. ``ok`` is False if it keeps the package from working."""

    topic: str
    name: str
    value: str
    ok: bool = True


def facts() -> list[Fact]:
    """All facts, by topic."""
    return [*_versions(), *_devices(), *_extras(), *_weights()]


def _versions() -> list[Fact]:
    processor = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} torch threads"
    libraries = [Fact("versions", name, version(name)) for name in _LIBRARIES]
    return [Fact("versions", "python", platform.python_version()), *libraries, Fact("versions", "processor", processor)]


def _devices() -> list[Fact]:
    return [Fact("devices", device, ", ".join(_formats(device)) or "none works") for device in available_devices()]


def _formats(device: str) -> list[str]:
    """The number formats in which matrix products and attention work."""
    return [name for name, dtype in DTYPES.items() if _works(device, dtype)]


def _works(device: str, dtype: torch.dtype) -> bool:
    try:
        x = torch.ones(1, 1, 4, 4, device=device, dtype=dtype)
        attended = torch.nn.functional.scaled_dot_product_attention(x @ x, x, x)
        return bool(attended.isfinite().all())
    except (RuntimeError, NotImplementedError):
        return False


def _extras() -> list[Fact]:
    return [Fact("extras", extra, _found(extra)) for extra in EXTRAS]


def _found(extra: str) -> str:
    absent = missing(extra)
    return f"missing {', '.join(absent)}: {how_to_install(extra)}" if absent else "installed"


def _weights() -> list[Fact]:
    installed = [Fact("weights", name, *_state(embedded_folder(kind), files)) for name, kind, files in _installed()]
    return [*installed, Fact("weights", "hub cache", *_hub_cache())]


def _installed() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What comes with the package: name, folder, and files in it."""
    for model, kind in EMBEDDED.items():
        yield model, kind, (PIPELINE, TRANSFORMER, TOKENIZER)
    for judge in ("reward", "detector"):
        yield judge, judge, (f"{judge}.json", f"{judge}.safetensors")
    for model, kind in EMBEDDED.items():
        for ending in ("", BY_DETECTOR):
            yield f"verifier {model}{ending}", f"verifier/{kind}{ending}", (INFO, HEAD)


def _state(folder: Path, names: Sequence[str]) -> tuple[str, bool]:
    """The size of what is there, and whether all of it can be read; tensors are not."""
    files = [folder / name for name in names]
    if absent := [file.name for file in files if not file.is_file()]:
        return f"{', '.join(absent)} missing in {folder}; install again", False
    for file in files:
        try:
            if file.suffix == ".json":
                json.loads(file.read_text("utf-8"))
            else:
                with safe_open(file, framework="pt"):
                    pass
        except (OSError, ValueError, SafetensorError) as error:
            return f"{file} cannot be read ({error}); install again", False
    return f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB", True


def _hub_cache() -> tuple[str, bool]:
    """The released repositories that are in the local hub cache, and whether it can be read."""
    from scalingar.models.family import FAMILIES  # noqa: PLC0415

    if missing("hub"):
        return "unknown without huggingface_hub", True
    from huggingface_hub.constants import HF_HUB_CACHE  # noqa: PLC0415

    repos = [repo for name in FAMILIES for repo in FAMILIES[name].releases]
    try:
        cached = [repo for repo in repos if (Path(HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}").is_dir()]
    except OSError as error:
        return f"{HF_HUB_CACHE} cannot be read: {error.strerror}", False
    return ", ".join(cached) or "no published weights yet", True
