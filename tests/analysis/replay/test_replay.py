"""What is computed from a complete run is what decoding gives, candidate by candidate."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scalingar.analysis.replay.derive import derive, derived_lines
from scalingar.analysis.replay.replay import replay_strategy
from scalingar.analysis.runs.complete_run import CompleteRun, TracedRun
from scalingar.bench.benchmark import Verdict, unanswered
from scalingar.bench.reports.formats import markdown
from scalingar.bench.reports.report_table import report_table
from scalingar.bench.runs.comparison import compare
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.results import read_results
from scalingar.bench.runs.store import RunStore
from scalingar.bench.runs.validate import check_run
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.strategies.build_strategy import build_strategy
from tests.analysis.made_up_runs import decode
from tests.bench.fakes import Bright
from tests.tiny import scale_pipes
from tests.tiny.pipes import tiny_pipe
from tests.tiny.verifiers import latent_verifier

FIXED = {"guidance": {"enabled": False}}
ALONE = {"block_window": "trajectory", "conditional_window": "trajectory"}
"""Windows that do not depend on which other trajectories are alive."""
STRATEGIES: list[dict[str, Any]] = [
    {"name": "single"},
    {"name": "random-of-n", "num_trajectories": 4},
    {"name": "best-of-n", "num_trajectories": 3, "reward": "log-likelihood"},
    {"name": "importance-sampling", "num_trajectories": 4, "reward": "pmi", "temperature_inverse": 0.1},
    {
        "name": "most-confident-of-n",
        "num_trajectories": 2,
        "profile": {"conditional_weight": 0.6, "intrinsic_weight": 0.4},
    },
    {"name": "scaling-ar", "num_trajectories": 4, **FIXED, "gate": {"quantile": 0.5, "recovery_threshold": 1.0}},
    {"name": "scaling-ar", "num_trajectories": 3, **FIXED, "profile": {"block_size": 2}, "gate": {"quantile": 0.3}},
    {"name": "scaling-ar", "num_trajectories": 4, **FIXED, "gate": {"mode": "probation", "recovery_steps": 2}},
    {
        "name": "scaling-ar",
        "num_trajectories": 4,
        "preset": "v1",
        **FIXED,
        "gate": {"recovery_steps": 2, "recovery_gap": 0.5, "recovery_threshold": 0.5},
    },
    {"name": "scaling-ar", "num_trajectories": 4, "preset": "v3-start", **FIXED, "gate": {"quantile": 0.5}},
    {
        "name": "scaling-ar",
        "num_trajectories": 4,
        **FIXED,
        "profile": {"rolling_window": 5, "minimum_window": 0.4},
        "gate": {"mode": "recovery", "threshold_every": 3, "recovery_steps": 0.1, "hard_fail": 0.3},
    },
    {"name": "best-of-n", "num_trajectories": 4, "reward": "rank-sum:pmi,0.5*log_likelihood,confidence"},
    {
        "name": "stop-when-good",
        "num_trajectories": 4,
        "reward": "log-likelihood",
        "rule": {"patience": 1},
        "profile": ALONE,
    },
    {
        "name": "allocate",
        "num_trajectories": 4,
        "reward": "log-likelihood",
        "rule": {"budget": 2.5, "share": 0.5},
        "profile": ALONE,
    },
    {
        "name": "allocate",
        "num_trajectories": 3,
        "reward": "pmi",
        "rule": {"first": 2, "budget": 2.4, "prior": 1},
        "profile": ALONE,
    },
    {"name": "successive-halving", "num_trajectories": 4, "rounds": [[0.3, 3], [0.6, 1]]},
    {"name": "successive-halving", "num_trajectories": 4, "rounds": [[0.3, 3], [0.6, 2]], "signal": "deepconf"},
    {"name": "successive-halving", "num_trajectories": 3, "rounds": [[0.5, 2]], "signal": "entropy"},
    {"name": "successive-halving", "num_trajectories": 4, "rounds": [[0.2, 3], [0.7, 2]], "signal": "confidence"},
]
CUTTING = ("scaling-ar", "successive-halving")


@pytest.mark.parametrize("settings", STRATEGIES, ids=lambda s: f"{s['name']}-{len(str(s))}")
def test_a_replay_is_what_decoding_gives(settings: dict[str, Any], complete: CompleteRun, tmp_path: Path) -> None:
    strategy = build_strategy(settings)
    there = RunStore(decode(tmp_path, strategy, all_candidates=False)).samples()
    here = derived_lines(complete, strategy)
    assert any(c["cut"] for line in there for c in line["candidates"]) == (settings["name"] in CUTTING)
    for computed, decoded in zip(here, there, strict=True):
        for line in (computed, decoded):
            line.pop("image")
            line["verdict"].pop("details")
        if computed.pop("sha256") is None:
            decoded.pop("sha256")
        else:
            assert decoded.pop("sha256") is not None
        for mine, theirs in zip(computed.pop("candidates"), decoded.pop("candidates"), strict=True):
            assert mine.pop("signals") == pytest.approx(theirs.pop("signals"), rel=1e-4, abs=1e-5)
            assert mine.pop("rewards") == pytest.approx(theirs.pop("rewards"), rel=1e-4)
            assert mine == theirs
        assert computed == decoded


def test_with_the_runs_own_profile_the_recorded_confidence_comes_out(complete: CompleteRun) -> None:
    ended = replay_strategy(complete, complete.plan.recipe.strategy)
    assert np.array_equal(ended.confidence, complete.traces["C"])
    assert (ended.tokens == 4 * 16).all()


@pytest.mark.parametrize("settings", [s for s in STRATEGIES if s["name"] in CUTTING], ids=lambda s: str(len(str(s))))
def test_a_replay_of_what_was_decoded_takes_the_same_decisions_to_the_bit(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    strategy = build_strategy(settings)
    run = TracedRun.read(decode(tmp_path, strategy))
    ended = replay_strategy(run, strategy)
    traced = {"C": ended.confidence}
    if settings["name"] == "scaling-ar":
        theta = np.where(ended.alive, ended.threshold[:, None], np.nan).astype(np.float32)
        traced |= {"theta": theta, "below": ended.below, "unrecovered": ended.unrecovered}
    for name, values in traced.items():
        there = run.traces[name]
        np.testing.assert_array_equal(values, there if values.dtype != bool else there == 1, err_msg=name)
    cuts = [[candidate["cut"] for candidate in line["candidates"]] for line in run.lines]
    assert [[reason for reason in some] for some in ended.reason] == [
        [c and c["reason"] for c in some] for some in cuts
    ]
    assert ended.cut_step.tolist() == [[c["step"] if c else -1 for c in some] for some in cuts]


def test_next_scale_runs_serve_choices_among_complete_trajectories(tmp_path: Path) -> None:
    pipe = scale_pipes.infinity_pipe()
    best = build_strategy({"name": "best-of-n", "num_trajectories": 4, "reward": "pmi"})
    complete = CompleteRun.read(decode(tmp_path / "complete", best, pipe=pipe))
    for name, settings in {"best-of-n": {"reward": "pmi"}, "most-confident-of-n": {}, "random-of-n": {}}.items():
        strategy = build_strategy({"name": name, "num_trajectories": 3, **settings})
        decoded = RunStore(decode(tmp_path / name, strategy, pipe=pipe, all_candidates=False)).samples()
        derived = derived_lines(complete, strategy)
        compared = ("id", "chosen", "tokens")
        assert [[line[key] for key in compared] for line in derived] == [
            [line[key] for key in compared] for line in decoded
        ]
        points = [[line["verdict"]["points"] for line in lines] for lines in (derived, decoded)]
        assert points[0] == points[1]
    with pytest.raises(ConfigError, match="TTSVar decides while decoding"):
        derived_lines(complete, build_strategy("tts-var"))
    with pytest.raises(BenchmarkError, match="has no traces; only runs of next-token models"):
        _ = complete.traces


class Shy(Bright):
    """Gives no answer about a third of the pictures."""

    def _verdict(self, brightness: float) -> Verdict:
        return unanswered("a refusal") if int(10 * brightness) % 3 == 0 else super()._verdict(brightness)


def test_images_without_an_answer_are_told_as_decoding_tells_them(tmp_path: Path) -> None:
    best = build_strategy({"name": "best-of-n", "num_trajectories": 4, "reward": "pmi"})
    complete = CompleteRun.read(decode(tmp_path / "complete", best, benchmark=Shy()))
    for name in ("single", "most-confident-of-n"):
        strategy = build_strategy({"name": name, "num_trajectories": 1 if name == "single" else 3})
        decoded = RunStore(decode(tmp_path / name, strategy, all_candidates=False, benchmark=Shy())).samples()
        judged = [
            [(line["verdict"]["total"], bool(line["verdict"]["details"].get("unanswered"))) for line in lines]
            for lines in (derived_lines(complete, strategy), decoded)
        ]
        assert judged[0] == judged[1]
        assert 0 < sum(silent for _, silent in judged[0]) < len(judged[0])
    with pytest.raises(BenchmarkError, match=r"no answer about \d+ of the run's 40 images"):
        _ = complete.points


@pytest.mark.parametrize(("make", "grid", "steps"), [(tiny_pipe, 4, 16), (scale_pipes.infinity_pipe, 2, 7)])
def test_values_of_a_verifier_are_as_they_were_recorded(make: Any, grid: int, steps: int, tmp_path: Path) -> None:
    latent_verifier(grid, steps).save(tmp_path / "verifier")
    pipe = dataclasses.replace(make(), own_verifier=str(tmp_path / "verifier"))
    best = {"name": "best-of-n", "num_trajectories": 4, "reward": "verifier"}
    complete = CompleteRun.read(decode(tmp_path / "complete", build_strategy(best), pipe=pipe))
    rule = {"threshold": float(np.median(complete.rewards["verifier"]))}
    for settings in (
        {**best, "num_trajectories": 3},
        {**best, "reward": "rank-sum:verifier,pmi"},
        {**best, "name": "stop-when-good", "rule": rule},
    ):
        strategy = build_strategy(settings)
        decoded = RunStore(decode(tmp_path / str(settings), strategy, pipe=pipe, all_candidates=False)).samples()
        derived = derived_lines(complete, strategy)
        for mine, theirs in zip(derived, decoded, strict=True):
            assert (mine["chosen"], mine["tokens"]) == (theirs["chosen"], theirs["tokens"])
            values = [[one["signals"]["verifier"] for one in line["candidates"]] for line in (mine, theirs)]
            assert values[0] == pytest.approx(values[1])


def test_a_run_without_values_of_a_verifier_says_so(complete: CompleteRun) -> None:
    with pytest.raises(BenchmarkError, match="did not record the values of a verifier"):
        derived_lines(complete, build_strategy({"name": "best-of-n", "num_trajectories": 2, "reward": "verifier"}))


def test_derived_runs_are_reported_beside_decoded_ones(complete: CompleteRun, tmp_path: Path) -> None:
    strategies = {
        "single": build_strategy("single"),
        "pmi": build_strategy({"name": "pmi-of-n", "num_trajectories": 4}),
    }
    folders = list(derive(complete, strategies, tmp_path))
    assert [folder.name for folder in folders] == ["single", "pmi"]
    origin = RunPlan.read(folders[0]).derived_from
    assert origin is not None
    assert origin["run"] == "complete"
    runs = [read_results(folder, Bright()) for folder in (complete.folder, *folders)]
    table = [line for line in markdown(report_table(compare(runs))).splitlines() if line.startswith("|")]
    assert table[3].startswith("| single |")
    assert table[3].endswith("| 16 | – |")
    with pytest.raises(BenchmarkError, match="computed from the run complete and has no images"):
        check_run(folders[0], Bright())
    with pytest.raises(BenchmarkError, match="analyse that run"):
        CompleteRun.read(folders[0])
    assert list(derive(complete, strategies, tmp_path)) == folders
    with pytest.raises(BenchmarkError, match="holds another run"):
        list(derive(complete, {"single": strategies["pmi"]}, tmp_path))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "scaling-ar"}, "schedules the guidance scale"),
        ({"name": "random-of-n", "num_trajectories": 5}, "5 trajectories cannot be taken from .*, which has 4"),
        ({"name": "single", "profile": {"distribution": "conditional"}}, "traced profile.distribution='guided'"),
        ({"name": "best-of-n", "num_trajectories": 2, "reward": "embedded"}, "did not record the reward 'embedded'"),
    ],
)
def test_what_a_complete_run_does_not_hold_is_refused(
    settings: dict[str, Any], message: str, complete: CompleteRun
) -> None:
    with pytest.raises((ConfigError, BenchmarkError), match=message):
        derived_lines(complete, build_strategy(settings))
