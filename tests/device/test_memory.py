"""Memory of the device: it falls after a cut, and what captured steps hold does not grow from call to call."""

import gc

import pytest
import torch

from scalingar.strategies import ScalingAR, SuccessiveHalving
from tests.device.families import FAMILIES, PROMPTS, graphs

pytestmark = pytest.mark.device
N = 256


def allocated() -> int:
    gc.collect()
    torch.cuda.synchronize()
    return torch.cuda.memory_allocated()


@pytest.mark.parametrize("family", ["llamagen-text", "janus"])
def test_memory_falls_after_a_cut(family: str, gpu: str) -> None:
    pipe = graphs(FAMILIES[family](gpu, torch.bfloat16), False)
    strategy = SuccessiveHalving(num_trajectories=N, rounds=((0.5, 4),))
    pipe(PROMPTS[0], strategy=strategy)  # workspaces of libraries stay
    held: list[tuple[int, int]] = []
    stream = pipe.stream(PROMPTS[0], strategy=strategy)
    before = allocated()
    for event in stream:
        held.append((len(event.indices), allocated() - before))
    full = [size for rows, size in held if rows == N][-2]
    left = [size for rows, size in held if rows == 4][1]
    assert left < full / 8


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_grows_from_call_to_call(family: str, gpu: str) -> None:
    pipe = FAMILIES[family](gpu, torch.bfloat16)
    strategy = ScalingAR(gate={"quantile": 0.6, "threshold_rate": 1.0}) if family not in ("var", "infinity") else None
    sizes = []
    for seed in (0, 1, 2, 0, 1, 2):
        output = pipe(PROMPTS[:2], strategy=strategy, seed=seed)
        del output
        sizes.append(allocated())
    assert len(set(sizes[3:])) == 1
    assert sizes[3] <= max(sizes[:3])
