"""Many images at once decide as each would alone, to the bit."""

from typing import Any

import numpy as np
import pytest

from scalingar.policy.guidance_schedule import GuidanceConfig, GuidanceSchedule
from scalingar.policy.halving import Halving, Signal
from scalingar.policy.termination import Gate, GateConfig
from scalingar.profile.confidence import ConfidenceProfile
from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.statistics.token_statistics import TokenStatistics

GRID, IMAGES, N = (9, 7), 4, 18
STEPS = GRID[0] * GRID[1]

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as printed": ({}, {}),
    "no recovery condition": ({}, {"recovery_threshold": 1e9, "quantile": 0.4}),
    "own windows": ({"block_window": "trajectory", "conditional_window": "trajectory"}, {"quantile": 0.5}),
    "probation": ({"block_size": 2, "worst_fraction": 0.3}, {"mode": "probation", "recovery_steps": 3}),
    "v1": ({"sigmoid_map": (2.0, -1.0)}, {"mode": "recovery", "threshold_every": 5, "recovery_steps": 4}),
    "hard fail": ({"conditional_channel": False}, {"hard_fail": 0.35, "warmup_fraction": 0.3}),
    "since the start": ({"minimum_since": "start"}, {}),
    "rolling": ({"rolling_window": 6, "minimum_window": 9}, {"recovery_threshold": 0.3}),
    "own windows, rolling": (
        {"block_window": "trajectory", "conditional_window": "trajectory", "rolling_window": 0.1},
        {"quantile": 0.4, "protection_horizon": 0.4},
    ),
    "no gate": ({"token_channel": False, "min_fill": 0.0}, {"enabled": False}),
}
LETTERS = ("s_tok", "B", "D_hat", "I_hat", "C", "R")


def shown(rng: np.random.Generator) -> np.ndarray:
    """H̄, margin and K of every step, ``(t, 3, i, n)``; each trajectory has a level of its own."""
    level = rng.random((IMAGES, N))
    h = np.clip(level + 0.3 * rng.normal(size=(STEPS, IMAGES, N)), 0, 1)
    k = level * rng.lognormal(size=(STEPS, IMAGES, N))
    return np.stack([h, rng.random(h.shape), k], axis=1).astype(np.float32)


def statistics(step: np.ndarray) -> TokenStatistics:
    h, m, k = step
    return TokenStatistics(entropy=3 * h, normalized_entropy=h, margin=m, deepconf=h + 1, kl=k)


def alone(
    steps: np.ndarray, profile: ProfileConfig, gate: GateConfig
) -> tuple[list[dict[str, np.ndarray]], np.ndarray]:
    """One image as a search follows it, with rows really removed: values by letter ``(n,)`` per step, and reasons."""
    rows, found, reasons = np.arange(N), [], np.full(N, None)
    judge = Gate.start(gate, STEPS)
    state = ConfidenceProfile.start(profile, N, GRID, warmup=judge.warmup_steps)
    schedule = GuidanceSchedule.start(GuidanceConfig(variance_window=8), 7.5, N, STEPS)
    for position, step in enumerate(steps):
        state = state.update(statistics(step[:, rows]), position)
        judge, verdict = judge.update(position, state.values["C"], state.values["R"])
        scale = np.full(len(rows), 7.5, np.float32)
        values = state.values
        schedule, s = schedule.update(scale, values)
        found.append(
            {name: spread(value, rows) for name, value in {**values, "s": s}.items() if name in (*LETTERS, "s")}
        )
        found[-1]["below"] = spread(verdict.below, rows)
        found[-1]["theta"] = np.array(verdict.threshold)
        reasons[rows] = verdict.reason
        keep = verdict.keep.nonzero()[0]
        rows, state, judge, schedule = rows[keep], state.select(keep), judge.select(keep), schedule.select(keep)
    return found, reasons


def spread(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Of all rows: NaN, or False, for those that are gone."""
    wide = np.zeros(N, bool) if values.dtype == bool else np.full(N, np.nan, values.dtype)
    wide[rows] = values
    return wide


@pytest.mark.parametrize("case", list(CASES))
def test_every_image_decides_as_it_would_alone(case: str) -> None:
    profile, gate = ProfileConfig(**CASES[case][0]), GateConfig(**CASES[case][1])
    steps = shown(np.random.default_rng(3))
    single = [alone(steps[:, :, image], profile, gate) for image in range(IMAGES)]
    judge = Gate.start(gate, STEPS)
    together = ConfidenceProfile.start(profile, (IMAGES, N), GRID, warmup=judge.warmup_steps)
    schedule = GuidanceSchedule.start(GuidanceConfig(variance_window=8), 7.5, (IMAGES, N), STEPS)
    alive, reasons = np.ones((IMAGES, N), bool), np.full((IMAGES, N), None)
    for position, step in enumerate(steps):
        together = together.update(statistics(np.where(alive, step, np.float32(np.nan))), position)
        values = together.values
        judge, verdict = judge.update(position, values["C"], values["R"])
        base = np.full((IMAGES, N), 7.5, np.float32)
        schedule, s = schedule.update(base, values)
        for image, (found, _) in enumerate(single):
            for name, wanted in found[position].items():
                if name == "theta":
                    np.testing.assert_array_equal(np.broadcast_to(verdict.threshold, (IMAGES, 1))[image, 0], wanted)
                    continue
                got = {"s": s, "below": verdict.below}.get(name, values.get(name))
                assert got is not None
                there = alive[image]
                np.testing.assert_array_equal(got[image][there], wanted[there], err_msg=f"{name} at {position}")
        reasons[alive] = verdict.reason[alive]
        alive &= verdict.keep
    for image, (_, wanted) in enumerate(single):
        assert reasons[image].tolist() == wanted.tolist()
    assert alive.sum() < alive.size or not gate.enabled


@pytest.mark.parametrize("signal", ["final_confidence", "confidence", "entropy", "deepconf"])
def test_every_image_is_halved_as_it_would_be_alone(signal: Signal) -> None:
    values = np.random.default_rng(0).random((6, 3, IMAGES, N)).astype(np.float32)
    together = Halving(signal)
    for step in values:
        together = together.update(*step)
    for image in range(IMAGES):
        single = Halving(signal)
        for step in values:
            single = single.update(*step[:, image])
        assert np.array_equal(together.best(5)[image], single.best(5))
        assert single.best(5).sum() == 5
