"""Tensors between host and device: each transfer is counted, and none waits that does not have to."""

from torch import Tensor, device

COUNTS = {"to_device": 0, "to_host": 0}
"""Transfers so far in this process; tests read the difference."""


def to_device(tensor: Tensor, where: device) -> Tensor:
    """A CPU tensor on ``where``, without waiting for the device; unchanged if it is there already."""
    if tensor.device == where or (tensor.is_cpu and where.type == "cpu"):
        return tensor
    COUNTS["to_device"] += 1
    if where.type != "cuda":
        return tensor.to(where)
    return tensor.pin_memory().to(where, non_blocking=True)


def to_host(tensor: Tensor) -> Tensor:
    """A tensor on the CPU; waits until the device has computed it."""
    if tensor.is_cpu:
        return tensor
    COUNTS["to_host"] += 1
    return tensor.cpu()
