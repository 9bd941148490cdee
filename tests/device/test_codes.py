"""A device draws the CPU's codes from the same noise, in fp32."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.device.families import FAMILIES, PROMPTS, candidates, rows
from tests.device.races import STREAMS, TIE, check_codes, forced

pytestmark = pytest.mark.device
SEEDS, COUNT = [11, 12], 5


@pytest.mark.parametrize("family", FAMILIES)
def test_every_draw_along_the_same_codes(family: str, device: str) -> None:
    """Along codes of the CPU every race has the same winner, except at a tie, and the logits differ by rounding."""
    cpu, there = (FAMILIES[family](name, torch.float32) for name in ("cpu", device))
    drawn = cpu(PROMPTS[:2], strategy="random-of-n", num_trajectories=COUNT, seed=SEEDS, noise="host")
    given = rows(drawn)
    mine, gaps, expected = forced(cpu, PROMPTS[:2], given, SEEDS, COUNT)
    theirs, _, computed = forced(there, PROMPTS[:2], given, SEEDS, COUNT)
    assert torch.equal(mine, given), "the loop of the test is the engine's"
    assert len(given.unique()) > 1
    assert (gaps[mine != theirs] < TIE).all()
    for here, on_device in zip(expected, computed, strict=True):
        torch.testing.assert_close(on_device, here, atol=2e-4, rtol=0)


@pytest.mark.parametrize("noise", STREAMS)
@pytest.mark.parametrize("family", FAMILIES)
def test_whole_runs(family: str, noise: str, device: str) -> None:
    """Two prompts of five trajectories, through the engine, on both kinds of noise."""
    cpu, there = (FAMILIES[family](name, torch.float32) for name in ("cpu", device))
    settings: dict[str, Any] = {"strategy": "random-of-n", "num_trajectories": COUNT, "seed": SEEDS, "noise": noise}
    mine, theirs = (pipe(PROMPTS[:2], **settings) for pipe in (cpu, there))
    check_codes(cpu, PROMPTS[:2], SEEDS, rows(mine), rows(theirs), STREAMS[noise])
    for one, other in zip(candidates(mine), candidates(theirs), strict=True):
        if torch.equal(one.codes.cpu(), other.codes.cpu()):
            for name, values in one.trace.items():
                np.testing.assert_allclose(other.trace[name], values, atol=1e-3, err_msg=name)
            if one.image is not None and other.image is not None:
                levels = np.asarray(one.image, np.int64) - np.asarray(other.image, np.int64)
                assert abs(levels).max() <= 1
