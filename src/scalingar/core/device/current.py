"""The device on which streams, graphs and Triton's kernels are made."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


def on_device_of(tensor: Tensor) -> AbstractContextManager[Any]:
    """On CUDA the tensor's device is the current one inside; elsewhere nothing changes."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()
