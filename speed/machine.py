"""Which machine a figure was measured on."""

import platform

import torch

from scalingar.bench.runs.results import hardware


def describe() -> str:
    """Processor, cores, threads and versions, in one line."""
    here = hardware()
    return (
        f"{here['processor'] or here['machine']}, {here['cores']} cores, {torch.get_num_threads()} torch threads, "
        f"torch {torch.__version__}, Python {platform.python_version()}"
    )
