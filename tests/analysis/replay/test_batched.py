"""Many images at once decide as each would alone."""

from typing import Any

import numpy as np
import pytest
import torch

from scalingar.analysis.replay.batched_gate import BatchedGate
from scalingar.analysis.replay.batched_profile import BatchedProfile
from scalingar.policy.termination import Gate, GateConfig
from scalingar.profile.confidence import ConfidenceProfile
from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.token import TokenStatistics

GRID, IMAGES, N = (9, 7), 4, 6
STEPS = GRID[0] * GRID[1]

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as printed": ({}, {}),
    "no recovery condition": ({}, {"recovery_threshold": 1e9, "quantile": 0.4}),
    "own windows": ({"block_window": "trajectory", "conditional_window": "trajectory"}, {"quantile": 0.5}),
    "probation": ({"block_size": 2, "worst_fraction": 0.3}, {"mode": "probation", "recovery_steps": 3}),
    "v1": ({"sigmoid_map": (2.0, -1.0)}, {"mode": "recovery", "threshold_every": 5, "recovery_steps": 4}),
    "hard fail": ({"conditional_channel": False}, {"hard_fail": 0.35, "warmup_fraction": 0.3}),
    "no gate": ({"token_channel": False, "min_fill": 0.0}, {"enabled": False}),
}


def statistics(rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """Per step: H̄, margin and K ``(i, n)``; a level of its own for each trajectory keeps the ranking for a while."""
    level = rng.random((IMAGES, N))
    shape = (STEPS, IMAGES, N)
    h = np.clip(level + 0.3 * rng.normal(size=shape), 0, 1)
    return [
        {
            "normalized_entropy": h[step].astype(np.float32),
            "margin": rng.random((IMAGES, N), np.float32),
            "kl": (level * rng.lognormal(size=(IMAGES, N))).astype(np.float32),
        }
        for step in range(STEPS)
    ]


def alone(steps: list[dict[str, np.ndarray]], image: int, profile: ProfileConfig, gate: GateConfig) -> np.ndarray:
    """C of one image by the classes a decoded run uses, NaN after a cut."""
    rows = np.arange(N)
    state, judge = ConfidenceProfile.start(profile, N, GRID), Gate.start(gate, STEPS)
    found = np.full((N, STEPS), np.nan, np.float32)
    for position, step in enumerate(steps):
        mine = {name: values[image, rows] for name, values in step.items()}
        zeros = np.zeros(len(rows), np.float32)
        state = state.update(TokenStatistics(entropy=zeros, deepconf=zeros, **mine), position)
        found[rows, position] = state.values["C"]
        judge, verdict = judge.update(position, state.values["C"], state.values["R"])
        keep = verdict.keep.nonzero()[0]
        rows, state, judge = rows[keep], state.select(keep), judge.select(keep)
    return found


@pytest.mark.parametrize("case", list(CASES))
def test_every_image_decides_as_it_would_alone(case: str) -> None:
    profile, gate = ProfileConfig(**CASES[case][0]), GateConfig(**CASES[case][1])
    steps = statistics(np.random.default_rng(3))
    together, judge = BatchedProfile(profile, IMAGES, N, GRID), BatchedGate(gate, STEPS, IMAGES, N)
    alive = np.ones((IMAGES, N), bool)
    found = np.full((IMAGES, N, STEPS), np.nan, np.float32)
    for position, step in enumerate(steps):
        together.update(**step, position=position, alive=alive)
        found[:, :, position] = np.where(alive, together.confidence, np.nan)
        alive = judge.update(position, together.confidence, together.recovery, alive).keep
    assert alive.sum() < alive.size or not gate.enabled
    for image in range(IMAGES):
        np.testing.assert_allclose(found[image], alone(steps, image, profile, gate), rtol=2e-6, atol=1e-7)


def test_reasons_are_told() -> None:
    gate = BatchedGate(GateConfig(warmup_fraction=0.0, quantile=0.5, hard_fail=0.2), 4, 1, 3)
    decision = gate.update(0, np.array([[0.1, 0.3, 0.9]], np.float32), np.zeros((1, 3)), np.ones((1, 3), bool))
    assert decision.keep.tolist() == [[False, True, True]]
    assert gate.reasons[decision.reason[0, 0]] == "hard fail"
    assert decision.threshold == pytest.approx([0.3])
    assert torch.tensor(decision.below).tolist() == [[True, False, False]]
