"""What the paper leaves open: each choice made the other way, on the trajectories of a complete run."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from scalingar.analysis.outcomes.findings import Findings
from scalingar.analysis.outcomes.outcome_table import outcome_plot, outcome_row
from scalingar.analysis.outcomes.selection import best_at_tokens, outcome_of, random_of
from scalingar.analysis.replay.replay import Replay, replay_strategy
from scalingar.analysis.replay.variants import termination
from scalingar.analysis.runs.complete_run import CompleteRun

PRINTED_STEPS, PRINTED_TOTAL = 32, 1024
"""Δ_rec of the papers, and the steps of their largest images."""
_SHARE = PRINTED_STEPS / PRINTED_TOTAL

CHOICES: dict[str, dict[str, Any]] = {
    "as v3": {},
    "C_min since the start (v3-start)": {"preset": "v3-start"},
    "C_min of the last 32 steps": {"profile.minimum_since": "start", "profile.minimum_window": 32},
    "no recovery condition": {"gate.recovery_threshold": 1e9},
    "windows of 32 steps": {"profile.rolling_window": 32},
    "windows per trajectory": {"profile.block_window": "trajectory", "profile.conditional_window": "trajectory"},
    "blocks count from the first token": {"profile.min_fill": 0.0},
    "blocks count when full": {"profile.min_fill": 1.0},
    "D not smoothed": {"profile.utilisation_rate": 1.0},
    "θ every 16 steps": {"gate.threshold_every": 16},
    "probation, 32 steps": {"gate.mode": "probation"},
    "probation, 32 of 1024": {"gate.mode": "probation", "gate.recovery_steps": _SHARE},
    "probation, 32 of 1024, C_min since the start": {
        "preset": "v3-start",
        "gate.mode": "probation",
        "gate.recovery_steps": _SHARE,
    },
    "v1, 32 steps": {"preset": "v1"},
    "v1, 32 of 1024": {"preset": "v1", "gate.recovery_steps": _SHARE},
    "v1, 32 of 1024, C_min since the start": {
        "preset": "v1",
        "gate.recovery_steps": _SHARE,
        "profile.minimum_since": "start",
    },
}
"""Changes to ScalingAR v3 with a fixed guidance scale, by the name of the row."""


def choices_findings(run: CompleteRun, n: int | None = None) -> Findings:
    """Cuts, survivors, tokens and score under each choice, for ``n`` trajectories (None: all the run has).

    Every row is also compared with completing as many trajectories as its tokens pay for and handing out the most
    confident at the end, which cuts nothing.
    """
    n = run.trajectories if n is None else n
    replays = {name: _replayed(run, n, settings) for name, settings in CHOICES.items()}
    outcomes = {name: outcome_of(run, each.chosen, name, each.tokens) for name, each in replays.items()}
    base, chance = next(iter(replays.values())), random_of(run, n)
    rows = []
    for name, outcome in outcomes.items():
        complete = best_at_tokens(run, "final_confidence", float(outcome.tokens.mean()))
        row = outcome_row(run, outcome, {f"random-of-{n}": chance, "equal tokens, nothing cut": complete})
        share = row.pop("tokens/image")
        assert isinstance(share, float)
        rows.append(
            {
                **{name: value for name, value in row.items() if not name.startswith("p,")},
                "tokens": share / (n * run.tokens_per_trajectory),
                "survivors": float(replays[name].finished.sum(axis=1).mean()),
                "other cuts": other_cuts(base, replays[name]),
            }
        )
    return Findings("choices", rows, outcome_plot(run, list(outcomes.values()), "as v3"), notes=list(_notes(n)))


def other_cuts(base: Replay, other: Replay) -> float:
    """Share of images in which some trajectory is cut at another step, or only in one of two replays."""
    return float(np.any(base.cut_step != other.cut_step, axis=1).mean())


def _replayed(run: CompleteRun, n: int, settings: dict[str, Any]) -> Replay:
    return replay_strategy(run, termination(run, {"num_trajectories": n, **settings}))


def _notes(n: int) -> Iterator[str]:
    yield (
        f"Guidance scale fixed, {n} trajectories. Tokens: share of those of {n} complete trajectories. Other cuts: "
        "share of images whose cuts are not those of the first row. Intervals are 95 %, paired by prompt."
    )
    yield "The papers print 28.7 % of the tokens of eight (v3, GenEval, LlamaGen) and 38 % (TIIF-Bench)."
