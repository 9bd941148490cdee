"""The devices that torch can use here."""

import torch


def available_devices() -> list[str]:
    """The CPU first, then CUDA's, MPS and XPU."""
    names = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        names.append("xpu")
    return names


def best_device() -> str:
    """What ``auto`` means: the first of CUDA, MPS and XPU that is there, else the CPU."""
    return [*available_devices()[1:], "cpu"][0].removesuffix(":0")
