"""Packages that only some models, rewards, judges and commands need: whether they are there, and how to get them."""

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec

from scalingar.core.errors import PackageError

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "compbench": ("spacy", "transformers"),
    "geneval": ("transformers",),
    "glm": ("diffusers", "transformers"),
    "hf": ("transformers",),
    "hub": ("huggingface_hub",),
    "judge": ("openai",),
    "progress": ("tqdm",),
    "ray": ("ray",),
    "serve": ("fastapi", "prometheus_client", "uvicorn"),
    "studio": ("fastapi", "gradio", "prometheus_client", "uvicorn"),
    "t5": ("transformers", "sentencepiece", "ftfy", "bs4"),
    "train": ("resvg_py",),
    "vqa": ("torchvision", "transformers"),
}
"""The modules that each extra of this package installs."""


def missing(extra: str) -> list[str]:
    """The modules of an extra that are not installed."""
    return [module for module in EXTRAS[extra] if not _installed(module)]


def require(what: str, extra: str, *modules: str) -> None:
    """Raises PackageError unless the modules of an extra, or those named, are installed; ``what`` needs them."""
    if absent := [module for module in modules or EXTRAS[extra] if not _installed(module)]:
        are = "is" if len(absent) == 1 else "are"
        raise PackageError(f"{what} needs {', '.join(absent)}, which {are} not installed; {how_to_install(extra)}.")


def _installed(module: str) -> bool:
    return sys.modules[module] is not None if module in sys.modules else find_spec(module) is not None


def how_to_install(extra: str) -> str:
    """A command that works wherever this package came from: its extras are no packages of an index."""
    try:
        lines = [line.partition(";") for line in requires("scalingar") or ()]
    except PackageNotFoundError:  # run from its source
        lines = []
    wanted = [f"'{line.strip()}'" for line, _, marker in lines if extra in marker.replace('"', "'").split("'")]
    return f"pip install {' '.join(wanted or EXTRAS[extra])} (the extra {extra} of scalingar)"
