"""Cuts and forks on the device: what the CPU decides, with captured steps and without."""

from typing import Any

import pytest
import torch

from scalingar.pipeline.output import ImageOutput
from scalingar.strategies import ScalingAR, Strategy, SuccessiveHalving, TTSVar
from tests.device.families import FAMILIES, PROMPTS, codes, graphs
from tests.strategies.engine.test_starts import Script, fork

pytestmark = pytest.mark.device
TOKENS = ("llamagen-class", "llamagen-text", "janus", "emu3")
SCALES = ("var", "infinity")
CUTTING: dict[str, Strategy] = {
    "gate": ScalingAR(num_trajectories=8, gate={"quantile": 0.6, "threshold_rate": 1.0}),
    "halving": SuccessiveHalving(num_trajectories=9, rounds=((0.25, 5), (0.5, 2), (0.75, 1))),
    "forks": Script(before=fork(8)),
}


def fates(output: ImageOutput) -> list[list[str]]:
    return [[candidate.fate for candidate in some] for some in output.candidates]


def same(one: ImageOutput, other: ImageOutput) -> None:
    assert fates(one) == fates(other)
    assert codes(one) == codes(other)
    assert [result.chosen for result in one.results] == [result.chosen for result in other.results]


@pytest.mark.parametrize("family", TOKENS)
@pytest.mark.parametrize("name", CUTTING)
def test_next_token_cuts_are_those_of_the_cpu(family: str, name: str, device: str) -> None:
    settings: dict[str, Any] = {"strategy": CUTTING[name], "seed": 5, "noise": "host"}
    expected = FAMILIES[family]("cpu", torch.float32)(PROMPTS, **settings)
    if name != "forks":
        assert any(candidate.cut for some in expected.candidates for candidate in some)
    pipe = FAMILIES[family](device, torch.float32)
    captured = graphs(pipe, True)(PROMPTS, **settings)
    same(expected, captured)
    same(captured, graphs(pipe, False)(PROMPTS, **settings))


@pytest.mark.parametrize("family", TOKENS[:2])
def test_places_of_the_cut_are_taken_over(family: str, device: str) -> None:
    """Few rows for many prompts: trajectories start while others are in the middle."""
    settings: dict[str, Any] = {"strategy": CUTTING["gate"], "seed": 5, "noise": "host", "max_rows": 9}
    prompts = [PROMPTS[i % 3] for i in range(5)]
    expected = FAMILIES[family]("cpu", torch.float32)(prompts, **settings)
    pipe = FAMILIES[family](device, torch.float32)
    same(expected, graphs(pipe, True)(prompts, **settings))
    same(expected, graphs(pipe, False)(prompts, **settings))


@pytest.mark.parametrize("family", SCALES)
def test_next_scale_prunes_are_those_of_the_cpu(family: str, device: str) -> None:
    for strategy in (TTSVar(num_trajectories=2, reward="confidence"), Script(after=fork(3))):
        settings: dict[str, Any] = {"strategy": strategy, "seed": 5, "noise": "host"}
        expected, found = (FAMILIES[family](name, torch.float32)(PROMPTS, **settings) for name in ("cpu", device))
        same(expected, found)
        assert len(expected.candidates[0]) > 2
