import warnings
from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.pipeline.run_folder import run_dict
from scalingar.policy.guidance_schedule import GuidanceConfig
from scalingar.policy.termination import BELOW_THRESHOLD, GateConfig
from scalingar.profile.profile_config import ProfileConfig
from scalingar.strategies import ScalingAR
from scalingar.strategies.strategy import LoneBranchWarning
from tests.tiny.pipes import PROMPT, tiny_pipe

GATE_OFF = GateConfig(enabled=False)
GUIDANCE_OFF = GuidanceConfig(enabled=False)


def test_nothing_enabled_decodes_what_best_of_n_decodes() -> None:
    pipe = tiny_pipe()
    off = pipe(PROMPT, strategy=ScalingAR(gate=GATE_OFF, guidance=GUIDANCE_OFF), seed=1).candidates[0]
    all_of_them = pipe(PROMPT, strategy="best-of-n", seed=1).candidates[0]
    assert all(torch.equal(a.codes, b.codes) for a, b in zip(off, all_of_them, strict=True))


def test_one_trajectory_without_schedule_is_single() -> None:
    pipe = tiny_pipe()
    strategy = ScalingAR(num_trajectories=1, guidance=GUIDANCE_OFF)
    codes = pipe(PROMPT, strategy=strategy, seed=2, output_type="codes").images[0]
    assert torch.equal(codes, pipe(PROMPT, strategy="single", seed=2, output_type="codes").images[0])


def test_survivors_do_not_notice_the_cut() -> None:
    """With the schedule off, cutting others leaves a survivor's codes as they were."""
    pipe = tiny_pipe()
    cut = pipe(PROMPT, strategy=ScalingAR(guidance=GUIDANCE_OFF), seed=3).candidates[0]
    whole = pipe(PROMPT, strategy="random-of-n", seed=3).candidates[0]
    assert any(not candidate.finished for candidate in cut)
    for few, many in zip(cut, whole, strict=True):
        assert torch.equal(few.codes, many.codes[: few.tokens])


def test_a_cut_shrinks_the_batch_and_says_why() -> None:
    output = tiny_pipe()(PROMPT, seed=4)
    lost = [candidate for candidate in output.candidates[0] if not candidate.finished]
    assert lost
    for candidate in lost:
        assert candidate.cut is not None
        assert candidate.cut.reason == BELOW_THRESHOLD
        assert candidate.cut.step >= 2, "no cut before 12.5 % of 16 steps"
        assert candidate.trace["C"][-1] < candidate.trace["theta"][-1]
        assert candidate.trace["R"][-1] < 0.05
    assert output.ledger.tokens < 8 * 16


def test_picks_the_survivor_of_highest_final_confidence() -> None:
    result = tiny_pipe()(PROMPT, strategy=ScalingAR(gate=GATE_OFF), seed=5).results[0]
    finals = [candidate.trace["C"][-1] for candidate in result.candidates]
    assert result.chosen == int(np.argmax(finals))


def test_the_schedule_moves_the_scale_and_its_step_uses_it() -> None:
    candidates = tiny_pipe()(PROMPT, strategy=ScalingAR(gate=GATE_OFF), seed=6).candidates[0]
    trace = candidates[0].trace
    expected = [
        3.0 + 0.3 * (1 - d) + 0.4 * np.var(trace["I_hat"][: t + 1]) - 0.4 * r
        for t, (d, r) in enumerate(zip(trace["D_hat"], trace["R"], strict=True))
    ]
    np.testing.assert_allclose(trace["s"], expected, rtol=1e-4)


def test_v1_differs_from_v3_and_takes_overrides() -> None:
    assert ScalingAR.v1().gate.mode == "recovery"
    assert ScalingAR.v1(gate={"quantile": 0.4}).gate == GateConfig.v1().model_copy(update={"quantile": 0.4})
    with_object = ScalingAR.v1(gate=GateConfig(quantile=0.4), profile=ProfileConfig(block_size=2))
    assert with_object == ScalingAR.v1(gate={"quantile": 0.4}, profile={"block_size": 2})
    assert ScalingAR.v3() == ScalingAR()
    with pytest.raises(ConfigError, match="quantil"):
        ScalingAR.v1(gate={"quantil": 0.4})


def test_a_part_of_the_other_version_is_taken_whole() -> None:
    mixed = ScalingAR.v1(gate=GateConfig.v3(), guidance=GuidanceConfig.v3())
    assert (mixed.gate, mixed.guidance) == (GateConfig(), GuidanceConfig())
    assert ScalingAR.v1(gate=GateConfig(quantile=0.4)).gate == GateConfig.v1().model_copy(update={"quantile": 0.4})


# --- without guidance ------------------------------------------------------------------------------


def test_without_a_second_branch_the_conditional_channel_says_so() -> None:
    """And no guidance scale is told that would guide nothing."""
    pipe = tiny_pipe()
    with pytest.warns(LoneBranchWarning, match=r"D is 0.5 throughout, with 0.25 of the weight of confidence"):
        output = pipe(PROMPT, strategy=ScalingAR(num_trajectories=3), guidance_scale=1.0, seed=2)
    for candidate in output.candidates[0]:
        assert set(candidate.trace["s"].tolist()) == {1.0}
    told = run_dict(output, steps=True)["images"][0]["candidates"][0]
    assert told["signals"]["pmi"] is None
    assert {name for name, column in told["trace"].items() if set(column) == {None}} >= {"D", "D_hat", "K"}


def test_terms_of_a_sum_are_rewards_too() -> None:
    best = {"name": "best-of-n", "num_trajectories": 2}
    with pytest.warns(LoneBranchWarning):
        tiny_pipe()(PROMPT, strategy={**best, "reward": "rank-sum:confidence,log-likelihood"}, guidance_scale=1.0)
    with pytest.raises(ConfigError, match="compares the prompt's branch with an unconditional one"):
        tiny_pipe()(PROMPT, strategy={**best, "reward": "rank-sum:pmi,log-likelihood"}, guidance_scale=1.0)


def test_a_potential_is_gone_by_too() -> None:
    for last in ({}, {"last": "reward", "reward": "log-likelihood"}):
        with pytest.warns(LoneBranchWarning, match=r"D is 0.5 throughout"):
            tiny_pipe()(PROMPT, strategy={"name": "particles", "num_trajectories": 2, **last}, guidance_scale=1.0)


@pytest.mark.parametrize(
    ("strategy", "scale"),
    [
        ({"name": "scaling-ar"}, 2.0),
        ({"name": "particles"}, 2.0),
        ({"name": "particles", "potential": "likelihood"}, 1.0),
        ({"name": "scaling-ar", "profile": {"conditional_channel": False}}, 1.0),
        ({"name": "best-of-n", "reward": "log-likelihood"}, 1.0),
        ({"name": "random-of-n"}, 1.0),
        ({"name": "best-of-n", "reward": "rank-sum:negative-entropy,log-likelihood"}, 1.0),
    ],
)
def test_nothing_is_said_where_nothing_is_pretended(strategy: dict[str, Any], scale: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", LoneBranchWarning)
        tiny_pipe()(PROMPT, strategy={**strategy, "num_trajectories": 2}, guidance_scale=scale)
