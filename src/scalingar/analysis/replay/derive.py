"""Whole run folders of strategies that were not decoded but computed from a complete run."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scalingar.analysis.replay.replay import Replay, check_complete, check_profile, replay_strategy
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.bench.runs.plan import PLAN, RunPlan
from scalingar.bench.runs.store import SAMPLES, RunStore
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.core.files import check_writable, sha256
from scalingar.core.outputs import Candidate, Cut
from scalingar.profile.signals import signals
from scalingar.rewards.intrinsic import INTRINSIC
from scalingar.strategies import Strategy
from scalingar.strategies.setting import Setting

Line = dict[str, Any]


def derive(run: CompleteRun, strategies: Mapping[str, Strategy], folder: Path) -> Iterator[Path]:
    """Write a run folder per strategy, under its label; yields each when it is done.

    Seconds are not known of such a run, and it has no images: those are in the run it comes from.

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
        if (store.folder / PLAN).exists():
            plan.check_same(RunPlan.read(store.folder), store.folder)
        plan.write(store.folder)
        store.write(SAMPLES, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
        yield store.folder


def derived_plan(run: CompleteRun, strategy: Strategy) -> RunPlan:
    """The run's plan with another strategy, and where it comes from."""
    origin = {"run": run.name, "samples_sha256": sha256(run.folder / SAMPLES)}
    recipe = run.plan.recipe.model_copy(update={"strategy": strategy})
    return run.plan.model_copy(update={"recipe": recipe, "all_candidates": False, "derived_from": origin})


def derived_lines(run: CompleteRun, strategy: Strategy) -> list[Line]:
    """A line per image, as a decoded run has them; image, its hash and the judge's details only where known."""
    reward = strategy.needs().reward
    found = _replayed(run, replay_strategy(run, strategy)) if run.traced else _recorded(run, strategy)
    lines = []
    for place, candidates in enumerate(found):
        if reward is not None:
            _give_rewards(run, run.lines[place], candidates, reward)
        lines.append(_line(run, place, strategy, candidates, reward))
    return lines


def _line(run: CompleteRun, place: int, strategy: Strategy, candidates: list[Candidate], reward: str | None) -> Line:
    line = run.lines[place]
    grid = run.traces.grid if run.traced else (0, 0)  # no choice among complete trajectories asks for it
    setting = Setting(grid, float(run.plan.recipe.guidance_scale or 1.0), line["seed"])
    finished = [candidate for candidate in candidates if candidate.finished]
    chosen = finished[strategy.choose(finished, setting)].index
    same = chosen == line["chosen"]
    told = line["candidates"][chosen]["verdict"]
    verdict = {**told, "total": line["verdict"]["total"], "details": line["verdict"]["details"] if same else {}}
    return {
        **{name: line[name] for name in ("id", "number", "task", "prompt", "seed")},
        "image": None,
        "sha256": line["sha256"] if same else None,
        "chosen": chosen,
        "tokens": sum(candidate.tokens for candidate in candidates),
        "verdict": verdict,
        "truncated": {name: cut for name, cut in line["truncated"].items() if name == reward},
        "candidates": [_plain(candidate, told if candidate.index == chosen else None) for candidate in candidates],
    }


def _recorded(run: CompleteRun, strategy: Strategy) -> Iterator[list[Candidate]]:
    """Every image's first trajectories as the run recorded them: all that a choice among complete ones asks for."""
    check_complete(strategy)
    check_profile(run, strategy.profile, strategy.num_trajectories)
    for line in run.lines:
        yield [
            Candidate(
                prompt=line["prompt"],
                index=told["index"],
                codes=torch.zeros(told["tokens"], dtype=torch.long),
                cut=None,
                signals={name: np.nan if value is None else value for name, value in told["signals"].items()},
                trace={},
            )
            for told in line["candidates"][: strategy.num_trajectories]
        ]


def _replayed(run: CompleteRun, replayed: Replay) -> Iterator[list[Candidate]]:
    """Every image's candidates, with the signals they had when they ended."""
    names = ("entropy", "deepconf", "log_p", "log_p_null")
    traces, n = {name: run.traces[name] for name in names}, replayed.cut_step.shape[1]
    drawn = replayed.drawn
    for place, line in enumerate(run.lines):
        some = []
        for index in range(n):
            count = int(drawn[place, index])
            end = count + (not replayed.finished[place, index])
            trace = {name: values[place, index, :end] for name, values in traces.items()}
            trace["C"] = replayed.confidence[place, index, :end]
            some.append(
                Candidate(
                    prompt=line["prompt"],
                    index=index,
                    codes=torch.zeros(count, dtype=torch.long),
                    cut=Cut(count, replayed.reason[place, index]) if end > count else None,
                    signals=signals(trace, count),
                    trace=trace,
                )
            )
        yield some


def _give_rewards(run: CompleteRun, line: Line, candidates: list[Candidate], reward: str) -> None:
    """What the reward says: computed where it reads signals, else as recorded. Raises BenchmarkError."""
    if reward in INTRINSIC:
        scores = INTRINSIC[reward](candidates)
    elif reward in (recorded := line["candidates"][0]["rewards"]):
        scores = [line["candidates"][candidate.index]["rewards"][reward] for candidate in candidates]
    else:
        there = ", ".join(recorded) or "none"
        raise BenchmarkError(f"{run.folder} did not record the reward {reward!r} (recorded: {there}); run best-of-n.")
    for candidate, score in zip(candidates, scores, strict=True):
        candidate.rewards[reward] = score


def _plain(candidate: Candidate, verdict: Line | None) -> Line:
    return {
        "index": candidate.index,
        "tokens": candidate.tokens,
        "cut": None if candidate.cut is None else {"step": candidate.cut.step, "reason": candidate.cut.reason},
        "signals": {name: value if np.isfinite(value) else None for name, value in candidate.signals.items()},
        "rewards": candidate.rewards,
        "verdict": verdict,
    }
