"""Runs beside each other do not notice each other, whatever their models share or have captured."""

from typing import Any

import pytest
import torch

from tests.device.families import FAMILIES, PROMPTS, codes

pytestmark = pytest.mark.device


@pytest.mark.parametrize("family", FAMILIES)
def test_two_streams_of_one_pipeline(family: str, device: str) -> None:
    pipe = FAMILIES[family](device, torch.float32)
    calls: list[dict[str, Any]] = [
        {"prompt": PROMPTS[0], "seed": 1, "strategy": "random-of-n", "num_trajectories": 4},
        {"prompt": list(PROMPTS[1:]), "seed": 2, "strategy": "random-of-n", "num_trajectories": 2},
    ]
    alone = [codes(pipe(**call)) for call in calls]
    streams = [pipe.stream(**call) for call in calls]
    running = [iter(stream) for stream in streams]
    while running:
        running = [steps for steps in running if next(steps, None) is not None]
    assert [codes(stream.output) for stream in streams] == alone
    assert codes(pipe(**calls[0])) == alone[0]


def test_two_pipelines(device: str) -> None:
    """Of two models, in turns; one is dropped while the other goes on."""
    pipes = [FAMILIES[family](device, torch.float32) for family in ("llamagen-class", "llamagen-text")]
    settings: dict[str, Any] = {"strategy": "scaling-ar", "num_trajectories": 4, "seed": 3}
    alone = [codes(pipe(PROMPTS, **settings)) for pipe in pipes]
    streams = [pipe.stream(PROMPTS, **settings) for pipe in pipes]
    for _ in zip(*streams, strict=False):
        pass
    assert [codes(stream.output) for stream in streams] == alone
    del streams, pipes[0]
    assert codes(pipes[0](PROMPTS, **settings)) == alone[1]
