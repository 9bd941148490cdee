"""How often the host waits for the device: about once a step, and once a scale."""

import warnings
from typing import Any

import pytest
import torch

from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.prompts.encoders import LabelEncoder
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies import RandomOfN, ScalingAR, Strategy
from tests.device.families import FAMILIES, graphs, llamagen
from tests.tiny import llamagen as tiny
from tests.tiny.imitated_device import COUNTED, NAME

pytestmark = pytest.mark.device


def waits(pipe: ImagePipeline, device: str, strategy: Strategy, **settings: Any) -> int:
    """Of a run without pictures."""
    settings |= {"strategy": strategy, "output_type": "codes"}
    pipe("3", seed=0, **settings)  # captures its steps
    if device == NAME:
        before = COUNTED.waits
        pipe("3", seed=1, **settings)
        return COUNTED.waits - before
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            pipe("3", seed=1, **settings)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(one.message) for one in caught)


@pytest.mark.parametrize("captured", [True, False])
def test_one_a_step(device: str, captured: bool) -> None:
    """Of a longer and a shorter run, so that what a run does once is left out."""
    if device == "cpu":
        pytest.skip("nobody waits for the CPU")
    counts, strategy = {}, ScalingAR(gate={"enabled": False})
    for side in (4, 8):
        config = tiny.CLASS_CONFIG.model_copy(update={"grid": (side, side)})
        pipe = llamagen(LabelEncoder(5), config, device, torch.bfloat16, SamplingConfig(top_k=9))
        counts[side] = waits(graphs(pipe, captured), device, strategy)
    assert counts[8] > 0
    assert (counts[8] - counts[4]) / (64 - 16) < 1.3


@pytest.mark.parametrize("noise", ["host", "device"])
@pytest.mark.parametrize("family", ["var", "infinity"])
def test_one_a_scale(family: str, noise: str, device: str) -> None:
    """And two at the end: what was counted last, and the codes."""
    if device == "cpu":
        pytest.skip("nobody waits for the CPU")
    pipe = FAMILIES[family](device, torch.float32)
    assert waits(pipe, device, RandomOfN(num_trajectories=4), noise=noise) <= len(pipe.grids) + 2
