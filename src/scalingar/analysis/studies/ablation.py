"""Those of the paper's ablations that can be computed from a complete run: the ones about cutting."""

from collections.abc import Iterator
from typing import Any

from scalingar.analysis.outcomes.findings import Findings
from scalingar.analysis.outcomes.outcome import Outcome
from scalingar.analysis.outcomes.outcome_table import outcome_plot, outcome_row
from scalingar.analysis.outcomes.selection import best_by, outcome_of, random_of
from scalingar.analysis.replay.replay import replay_strategy
from scalingar.analysis.replay.variants import termination
from scalingar.analysis.runs.complete_run import CompleteRun

VARIANTS: dict[str, dict[str, Any]] = {
    "termination only": {},
    "no token channel": {"profile.token_channel": False},
    "no block channel": {"profile.block_channel": False},
    "no conditional channel": {"profile.conditional_channel": False},
    "α 0.7 / 0.3": {"profile.alpha_entropy": 0.7, "profile.alpha_margin": 0.3},
    "windows per trajectory": {"profile.block_window": "trajectory", "profile.conditional_window": "trajectory"},
    "probation (v3, text)": {"gate.mode": "probation"},
    "recovery (v1)": {"preset": "v1"},
    "no recovery condition": {"gate.recovery_threshold": 1e9},
    "no gate, final C": {"gate.enabled": False},
}
"""Changes to ScalingAR v3 with a fixed guidance scale, by the name of the row."""


def ablation_findings(run: CompleteRun, n: int | None = None) -> Findings:
    """Table 2 of the paper and its policy, for ``n`` trajectories (None: all the run has)."""
    n = run.trajectories if n is None else n
    outcomes = list(_outcomes(run, n))
    bases = {"termination only": outcomes[0], f"random-of-{n}": outcomes[-2]}
    rows = [outcome_row(run, outcome, bases) for outcome in outcomes]
    return Findings("ablation", rows, outcome_plot(run, outcomes, "termination only"), notes=[_NOTE])


_NOTE = (
    "The guidance scale is fixed: a schedule changes what is drawn, so its rows of the paper's table need decoding "
    "(the suite ablation). Intervals are 95 %, paired by prompt."
)


def _outcomes(run: CompleteRun, n: int) -> Iterator[Outcome]:
    for name, settings in VARIANTS.items():
        replayed = replay_strategy(run, termination(run, {"num_trajectories": n, **settings}))
        yield outcome_of(run, replayed.chosen, name, replayed.tokens)
    yield best_by(run, "confidence", n)
    yield random_of(run, n)
    yield random_of(run, 1)
