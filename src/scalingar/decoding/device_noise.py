"""Random streams of trajectories, made on the device that holds the logits."""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor

from scalingar.core.device.kernels import has_kernels
from scalingar.core.device.transfer import to_device
from scalingar.decoding.noise import KeyedNoise
from scalingar.decoding.philox import philox_exponential


@dataclass(frozen=True)
class DeviceNoise(KeyedNoise):
    """Counter-based streams (Philox4x32-10) addressed by step and place.

    The bits are the same on every device, the numbers up to the last digit of the logarithm. Keys, copies and branches
    are those of :class:`~scalingar.decoding.noise.TrajectoryNoise`; the numbers are others.
    """

    _uploaded: dict[torch.device, Int64[Tensor, "n 2"]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def exponential(self, steps: Int[Tensor, " n"], size: int, device: torch.device) -> Float[Tensor, "n size"]:
        """See :class:`~scalingar.decoding.noise.Noise`; ``steps`` on the CPU are uploaded."""
        drawn = device_exponential(self.device_keys(device), to_device(steps, device), size)
        if self.greedy.any():
            drawn[to_device(torch.from_numpy(self.greedy), device)] = 1
        return drawn

    def device_keys(self, device: torch.device) -> Int64[Tensor, "n 2"]:
        """The streams' keys as 32-bit words on ``device``: uploaded once, since other rows are another object."""
        if device not in self._uploaded:
            low, high = self.keys[:, 0] & np.uint64(0xFFFFFFFF), self.keys[:, 0] >> np.uint64(32)
            words = torch.from_numpy(np.stack([low, high], axis=1).astype(np.int64))
            if device.type == "cuda":
                words = words.pin_memory()
            self._uploaded[device] = words.to(device, non_blocking=True)
        return self._uploaded[device]


def device_exponential(keys: Int64[Tensor, "n 2"], steps: Int[Tensor, " n"], size: int) -> Float[Tensor, "n size"]:
    """See :func:`~scalingar.decoding.philox.philox_exponential`; on CUDA one kernel where Triton is installed."""
    if has_kernels(keys.device):
        from scalingar.decoding.philox_triton import philox_exponential as by_kernel  # noqa: PLC0415  needs Triton

        return by_kernel(keys, steps, size)
    return philox_exponential(keys, steps, size)
