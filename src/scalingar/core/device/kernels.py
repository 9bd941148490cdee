"""Where kernels of this package can run."""

from functools import cache
from importlib.util import find_spec

import torch


def has_kernels(device: torch.device) -> bool:
    """Whether they can run there: on CUDA, if Triton, which compiles them, is installed."""
    return device.type == "cuda" and _triton_installed()


@cache
def _triton_installed() -> bool:
    return find_spec("triton") is not None
