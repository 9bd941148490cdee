"""Run folders of strategies that are computed from a complete run instead of decoded."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from scalingar.analysis.replay.replay import (
    Replay,
    check_complete,
    check_confidence,
    check_profile,
    replay_strategy,
)
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.bench.benchmark import UNANSWERED
from scalingar.bench.runs.examination import SAMPLES
from scalingar.bench.runs.plan import PLAN, RunPlan
from scalingar.bench.runs.receipts import Line, encoded
from scalingar.bench.runs.shard import candidate_line
from scalingar.bench.runs.store import RunStore
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.core.files import check_writable, sha256
from scalingar.core.locks import sole_writer
from scalingar.core.outputs import Candidate, Cut
from scalingar.profile.signals import CONFIDENCE, signals
from scalingar.rewards.intrinsic import INTRINSIC
from scalingar.rewards.rank_sum import NAME as RANK_SUM
from scalingar.rewards.rank_sum import VERIFIER, rank_sums, terms_of
from scalingar.strategies import Strategy
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import signals_of


def derive(run: CompleteRun, strategies: Mapping[str, Strategy], folder: Path) -> Iterator[Path]:
    """Write a run folder per strategy, under its label; yields each when it is done.

    Such a run has neither timings nor images of its own; the images are in the run that it comes from.

    Raises:
        ConfigError: a strategy cannot be computed from this run. BenchmarkError: a reward was not recorded, or a folder
            holds another run. OutputError.
    """
    for label, strategy in strategies.items():
        try:
            lines = derived_lines(run, strategy)
        except ConfigError as error:
            raise ConfigError(f"{label}: {error}") from None
        store = RunStore(folder / label)
        check_writable(store.folder)
        plan = derived_plan(run, strategy)
        with sole_writer(store.folder):
            if (store.folder / PLAN).exists():
                plan.check_same(RunPlan.read(store.folder), store.folder)
            plan.write(store.folder)
            store.write(SAMPLES, b"".join(encoded(lines)))
        yield store.folder


def derived_plan(run: CompleteRun, strategy: Strategy) -> RunPlan:
    """The run's plan with another strategy, and where it comes from."""
    origin = {"run": run.name, "samples_sha256": sha256(run.folder / SAMPLES)}
    recipe = run.plan.recipe.model_copy(update={"strategy": strategy})
    return run.plan.model_copy(update={"recipe": recipe, "all_candidates": False, "derived_from": origin})


def derived_lines(run: CompleteRun, strategy: Strategy) -> list[Line]:
    """A line per image, as in a decoded run; hash and the judge's details only where the same image was chosen."""
    reward = strategy.needs().reward
    images = list(_replayed(run, replay_strategy(run, strategy)) if run.traced else _recorded(run, strategy))
    taken = [len(candidates) for candidates in images]
    if reward is not None:
        for line, candidates in zip(run.lines, images, strict=True):
            _set_rewards(run, line, candidates, reward)
        rewards = np.array([[candidate.rewards[reward] for candidate in candidates] for candidates in images])
        strategy.check_rewards(rewards)
        calls = range(0, run.images, run.plan.shard)
        taken = [count for call in calls for count in strategy.taken(rewards[call : call + run.plan.shard]).tolist()]
    return [
        _derived_line(run, line, strategy, candidates[:count], reward)
        for line, candidates, count in zip(run.lines, images, taken, strict=True)
    ]


def _derived_line(
    run: CompleteRun, line: Line, strategy: Strategy, candidates: list[Candidate], reward: str | None
) -> Line:
    grid = run.traces.grid if run.traced else (0, 0)  # not used by a choice among complete trajectories
    setting = Setting(grid, float(run.plan.recipe.guidance_scale or 1.0), line["seed"])
    finished = [candidate for candidate in candidates if candidate.finished]
    chosen = finished[strategy.choose(finished, setting)].index
    same = chosen == line["chosen"]
    earned = line["candidates"][chosen]["verdict"]
    total = earned.get("total", line["verdict"]["total"])
    details = line["verdict"]["details"] if same else {} if total else {UNANSWERED: True}
    verdict = {**earned, "total": total, "details": details}
    return {
        **{name: line[name] for name in ("id", "number", "task", "prompt", "seed")},
        "image": None,
        "sha256": line["sha256"] if same else None,
        "chosen": chosen,
        "tokens": sum(candidate.tokens for candidate in candidates),
        "verdict": verdict,
        "truncated": {name: cut for name, cut in line["truncated"].items() if name == reward},
        "candidates": [candidate_line(c, earned if c.index == chosen else None) for c in candidates],
    }


def _recorded(run: CompleteRun, strategy: Strategy) -> Iterator[list[Candidate]]:
    """The first candidates of every image as the run recorded them, without traces."""
    check_complete(strategy)
    check_profile(run, strategy.profile, strategy.num_trajectories)
    if not signals_of(strategy).isdisjoint(CONFIDENCE):
        check_confidence(run, strategy.num_trajectories)
    for line in run.lines:
        yield [
            Candidate(
                prompt=line["prompt"],
                index=recorded["index"],
                codes=torch.zeros(recorded["tokens"], dtype=torch.long),
                cut=None,
                signals={name: np.nan if value is None else value for name, value in recorded["signals"].items()},
                trace={},
            )
            for recorded in line["candidates"][: strategy.num_trajectories]
        ]


def _replayed(run: CompleteRun, replayed: Replay) -> Iterator[list[Candidate]]:
    """The candidates of every image, with the signals they had when they ended."""
    names = ("entropy", "deepconf", "log_p", "log_p_null")
    traces, n = {name: run.traces[name] for name in names}, replayed.cut_step.shape[1]
    drawn = replayed.drawn
    for image, line in enumerate(run.lines):
        candidates = []
        for index in range(n):
            count = int(drawn[image, index])
            end = count + (not replayed.finished[image, index])
            trace = {name: values[image, index, :end] for name, values in traces.items()}
            trace["C"] = replayed.confidence[image, index, :end]
            candidates.append(
                Candidate(
                    prompt=line["prompt"],
                    index=index,
                    codes=torch.zeros(count, dtype=torch.long),
                    cut=Cut(count, replayed.reason[image, index]) if end > count else None,
                    signals=signals(trace, count),
                    trace=trace,
                )
            )
        yield candidates


def _set_rewards(run: CompleteRun, line: Line, candidates: list[Candidate], reward: str) -> None:
    """Fill in a reward: computed if it is one of the model's own signals, else as recorded. Raises BenchmarkError."""
    scores: Sequence[float]
    if reward == VERIFIER:
        recorded_values = [line["candidates"][candidate.index]["signals"].get(VERIFIER) for candidate in candidates]
        if None in recorded_values:
            raise BenchmarkError(
                f"{run.folder} did not record the values of a verifier; run best-of-n with the reward {VERIFIER}."
            )
        scores = recorded_values
        for candidate, value in zip(candidates, scores, strict=True):
            candidate.signals[VERIFIER] = value
    elif reward in INTRINSIC:
        scores = INTRINSIC[reward](candidates)
    elif reward.startswith(f"{RANK_SUM}:"):
        terms = terms_of(reward.removeprefix(f"{RANK_SUM}:"))
        for term in terms:
            _set_rewards(run, line, candidates, term.name)
        columns = [[candidate.rewards.pop(term.name) for candidate in candidates] for term in terms]
        scores = rank_sums(np.array(columns), [term.weight for term in terms]).tolist()
    elif reward in (recorded := line["candidates"][0]["rewards"]):
        scores = [line["candidates"][candidate.index]["rewards"][reward] for candidate in candidates]
    else:
        known = ", ".join(recorded) or "none"
        raise BenchmarkError(f"{run.folder} did not record the reward {reward!r} (recorded: {known}); run best-of-n.")
    for candidate, score in zip(candidates, scores, strict=True):
        candidate.rewards[reward] = score
