"""What a device is called, where two of the same name compute the same last bits."""

import platform

import torch


def device_kind(device: str | torch.device) -> str:
    """The name of an accelerator; of a CPU the architecture and instructions that torch takes, ``x86_64 AVX2``."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return device.type
