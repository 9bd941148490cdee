"""How often the host waits for the device: about once a step."""

import warnings
from typing import Any

import pytest
import torch

from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.prompts.encoders import LabelEncoder
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies import ScalingAR
from tests.device.families import llamagen
from tests.tiny import llamagen as tiny

pytestmark = pytest.mark.device


def waits(pipe: ImagePipeline) -> int:
    """Of a run of eight trajectories that cuts nothing."""
    settings: dict[str, Any] = {"strategy": ScalingAR(gate={"enabled": False}), "output_type": "codes"}
    pipe("3", seed=0, **settings)  # captures its steps
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            pipe("3", seed=1, **settings)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(one.message) for one in caught)


def test_one_a_step(gpu: str) -> None:
    """Of a longer and a shorter run, so that what a run does once is left out."""
    counts = {}
    for side in (4, 8):
        config = tiny.CLASS_CONFIG.model_copy(update={"grid": (side, side)})
        counts[side] = waits(llamagen(LabelEncoder(5), config, gpu, torch.bfloat16, SamplingConfig(top_k=9)))
    assert counts[8] > 0
    assert (counts[8] - counts[4]) / (64 - 16) < 1.3
