"""Steps that the host does not wait for: the same pictures, traces and costs, and one transfer a step."""

from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.device.captures import Captures
from scalingar.core.sampling_config import SamplingConfig
from scalingar.pipeline.output import ImageOutput
from scalingar.strategies.engine.host_reads import HostReads
from tests.tiny.pipes import tiny_pipe

PROMPTS = ["a red cat", "two dogs", "four cups"]
STRICT = {"name": "scaling-ar", "gate": {"quantile": 0.4, "warmup_fraction": 0.1}}
CASES: list[dict[str, Any]] = [
    {"prompt": PROMPTS[0], "strategy": STRICT},
    {"prompt": PROMPTS, "strategy": STRICT, "max_rows": 7},
    {"prompt": PROMPTS, "strategy": "successive-halving"},
    {"prompt": PROMPTS[:2], "strategy": "random-of-n", "guidance_scale": 1.0},
]


def run(case: dict[str, Any], *, captured: bool) -> ImageOutput:
    return tiny_pipe(cuda_graphs=captured)(**case, num_trajectories=5, seed=3)


@pytest.mark.parametrize("case", CASES)
def test_pictures_traces_and_costs_are_those_of_steps_one_waits_for(case: dict[str, Any]) -> None:
    plain, deferred = (run(case, captured=captured) for captured in (False, True))
    for expected, found in zip(*map(chain.from_iterable, (plain.candidates, deferred.candidates)), strict=True):
        assert torch.equal(found.codes, expected.codes)
        assert found.fate == expected.fate
        assert found.trace.keys() == expected.trace.keys()
        for name, values in expected.trace.items():
            np.testing.assert_allclose(found.trace[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
        assert found.signals == pytest.approx(expected.signals, rel=1e-4, abs=1e-5)
    assert deferred.ledger.tokens == plain.ledger.tokens
    assert [result.chosen for result in deferred.results] == [result.chosen for result in plain.results]


def test_some_are_cut() -> None:
    cuts = [candidate.cut for candidate in run(CASES[0], captured=True).candidates[0]]
    assert None in cuts
    assert any(cut is not None for cut in cuts)


def test_one_transfer_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    transfers = []
    flush = HostReads.flush

    def counted(reads: HostReads) -> None:
        if reads._waiting:
            transfers.append(len(reads._waiting))
        flush(reads)

    monkeypatch.setattr(HostReads, "flush", counted)
    run(CASES[0], captured=True)
    assert len(transfers) == 16 + 1  # the log-probabilities of the last codes come by themselves


def test_one_call_of_the_device_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    call = Captures.__call__

    def counted(captures: Captures, function: Any, *arguments: torch.Tensor) -> Any:
        calls.append(type(function).__name__)
        return call(captures, function, *arguments)

    monkeypatch.setattr(Captures, "__call__", counted)
    run(CASES[0], captured=True)
    # The first statistics, 15 draws with all that follows from them, the last draw.
    assert calls == ["DeviceStatistics", *["Ahead"] * 15, "Draw", "function"]


def test_a_guidance_interval_acts_on_draws_and_statistics() -> None:
    sampling = SamplingConfig(guidance_interval=7)
    plain, deferred = (
        tiny_pipe(cuda_graphs=captured)(PROMPTS[0], strategy=STRICT, sampling=sampling, seed=3).candidates[0]
        for captured in (False, True)
    )
    for expected, found in zip(plain, deferred, strict=True):
        assert torch.equal(found.codes, expected.codes)
        np.testing.assert_allclose(found.trace["entropy"], expected.trace["entropy"], rtol=1e-4)


def test_values_of_an_event_are_read_when_they_are_asked_for() -> None:
    events = list(tiny_pipe(cuda_graphs=True).stream(PROMPTS[0], strategy="random-of-n", num_trajectories=2))
    assert [np.isfinite(event.values["log_p"]).all() for event in events] == [True] * 16


def test_two_streams_of_one_pipeline_do_not_feel_each_other() -> None:
    shared = tiny_pipe(cuda_graphs=True)
    alone = [shared(prompt, num_trajectories=3).candidates[0] for prompt in PROMPTS[:2]]
    streams = [shared.stream(prompt, num_trajectories=3) for prompt in PROMPTS[:2]]
    for _ in zip(*streams, strict=False):
        pass
    for expected, stream in zip(alone, streams, strict=True):
        for found, candidate in zip(stream.output.candidates[0], expected, strict=True):
            assert torch.equal(found.codes, candidate.codes)
