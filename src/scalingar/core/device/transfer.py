"""From the host to a device without waiting for it."""

import torch
from jaxtyping import Shaped
from torch import Tensor


def to_device(tensor: Shaped[Tensor, "..."], device: torch.device | str) -> Shaped[Tensor, "..."]:
    """The tensor on ``device``: itself if it is there, else a copy, for which the host waits on no CUDA device.

    An ordinary copy to a CUDA device waits until the device has done all its work. One from pinned memory does not;
    torch keeps that memory until the copy is made, so the caller may drop or change ``tensor`` at once.
    """
    device = torch.device(device)
    if tensor.device.type != "cpu" or device.type == "cpu":
        return tensor.to(device)
    if device.type == "cuda":
        tensor = tensor.contiguous().pin_memory()  # rows that share memory cannot be pinned
    # Apple's copies read ordinary memory later, when it may have changed.
    return tensor.to(device, non_blocking=device.type != "mps")
