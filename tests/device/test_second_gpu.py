"""Another GPU than the first: tensors, streams, graphs and kernels are made on the model's own."""

from typing import Any

import pytest
import torch

from tests.device.families import FAMILIES, PROMPTS, codes

pytestmark = pytest.mark.device


@pytest.mark.parametrize("family", FAMILIES)
def test_the_second_gpu_draws_what_the_first_one_does(family: str, device: str) -> None:
    if device == "cpu" or (device.startswith("cuda") and torch.cuda.device_count() < 2):
        pytest.skip("there is one")
    settings: dict[str, Any] = {"strategy": "random-of-n", "num_trajectories": 4, "seed": 1}
    kind = device.partition(":")[0]
    first, second = (FAMILIES[family](f"{kind}:{number}", torch.float32)(PROMPTS, **settings) for number in (0, 1))
    assert codes(second) == codes(first)
