"""In bf16 the models say nearly what they say in fp32, and everything they report is a number."""

import numpy as np
import pytest
import torch

from tests.device.families import FAMILIES, PROMPTS, rows
from tests.device.races import forced
from tests.tiny.imitated_device import NAME

pytestmark = pytest.mark.device
MEAN, MOST = 0.06, 0.6
"""Bounds on the difference of log-probabilities, mean and largest: eight bits of mantissa through two or three layers
of random weights, whose logits are of size 1 to 5."""
STRATEGIES = {"var": "tts-var", "infinity": "tts-var"}


def skip_autocast(family: str, device: str) -> None:
    """Infinity's mixed precision is torch's autocast."""
    if family == "infinity" and device == NAME:
        pytest.skip("autocast is not imitated")


@pytest.mark.parametrize("family", FAMILIES)
def test_log_probabilities_are_those_of_fp32(family: str, device: str) -> None:
    skip_autocast(family, device)
    exact, rounded = (FAMILIES[family](device, dtype) for dtype in (torch.float32, torch.bfloat16))
    drawn = exact(PROMPTS[:2], strategy="random-of-n", num_trajectories=3, seed=[1, 2])
    given = rows(drawn)
    expected, computed = (forced(pipe, PROMPTS[:2], given, [1, 2], 3)[2] for pipe in (exact, rounded))
    for here, there in zip(expected, computed, strict=True):
        assert there.isfinite().all()
        difference = (there - here).abs()[here > -10]
        assert float(difference.mean()) < MEAN
        assert float(difference.max()) < MOST
    assert any(not torch.equal(here, there) for here, there in zip(expected, computed, strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_traces_and_pictures_are_numbers(family: str, device: str) -> None:
    skip_autocast(family, device)
    pipe = FAMILIES[family](device, torch.bfloat16)
    output = pipe(PROMPTS[0], strategy=STRATEGIES.get(family, "scaling-ar"), seed=3, output_type="pt")
    for candidate in output.candidates[0]:
        steps = candidate.cut.step if candidate.cut else None
        for name in ("C", "entropy"):
            if name in candidate.trace:
                assert np.isfinite(candidate.trace[name][:steps]).all(), name
    (picture,) = output.images
    assert torch.as_tensor(picture).isfinite().all()
    assert float(torch.as_tensor(picture).std()) > 0
