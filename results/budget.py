"""docs/leaderboard.md: a budget per prompt on the next-scale model, on prompts that chose nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

from results.packs import SUFFIX, unpack
from results.runs import DATA
from scalingar.analysis.outcomes.outcome import Difference, Outcome, difference, score
from scalingar.analysis.outcomes.selection import best_at_tokens, best_by
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.runs.pooled_run import PooledRun
from scalingar.analysis.studies.budget import Budget, Kind, budget_findings, calibrated
from scalingar.report.markdown import markdown_table, with_error

DIVISIONS = range(5)
"""Seeds of the division of prompts into halves."""
PACK = DATA / "budget-next-scale" / f"best-of-16{SUFFIX}"
COMPLETE = DATA / "next-token" / f"best-of-8{SUFFIX}"
REWARD = "embedded"
ROWS: list[tuple[Kind, float, int]] = [
    ("stop-when-good", 4, 8),
    ("allocate", 4, 8),
    ("allocate", 3.2, 8),
    ("stop-when-good", 4, 16),
    ("allocate", 4, 16),
    ("stop-when-good", 8, 16),
    ("allocate", 8, 16),
]
"""Strategy, trajectories per image, and N."""
HELD_AGAINST = 8
"""N of the best by reward that all are held against."""


@dataclass(frozen=True)
class Division:
    """A rule that half of the prompts chose: its outcome, and a mask of the images that tell it."""

    outcome: Outcome
    tested: Bool[np.ndarray, " i"]

    @property
    def tokens(self) -> float:
        """Per image."""
        return float(self.outcome.tokens[self.tested].mean())


def divisions(run: CompleteRun, reward: str, kind: Kind, trajectories: float) -> list[Division]:
    """The rule of each division of the prompts, found on one half by the reward alone."""
    found = []
    for seed in DIVISIONS:
        budget = Budget.of(run, reward, seed)
        rule = calibrated(budget, kind, trajectories=trajectories)
        found.append(Division(budget.after(budget.taken(rule), kind), ~budget.fit))
    return found


def over(run: CompleteRun, base: Sequence[Float[np.ndarray, " i"]], found: Sequence[Division]) -> list[Difference]:
    """What each division's rule scores more than others' points, on the prompts that tell it."""
    return [difference(run, points, each.outcome.points, each.tested) for points, each in zip(base, found, strict=True)]


def scores_of(run: CompleteRun, found: Sequence[Division]) -> list[float]:
    """Of each division, on the prompts that tell it."""
    return [score(run, each.outcome.points, each.tested).value for each in found]


def spread(values: Sequence[float], sign: str = "") -> str:
    """Mean and range."""
    return f"{np.mean(values):{sign}.3f} ({min(values):{sign}.3f} to {max(values):{sign}.3f})"


def first_trajectories(run: CompleteRun, count: int) -> CompleteRun:
    """The run as it would be with fewer trajectories: they are the first of more."""
    strategy = run.plan.recipe.strategy.model_copy(update={"num_trajectories": count})
    plan = run.plan.model_copy(update={"recipe": run.plan.recipe.model_copy(update={"strategy": strategy})})
    return replace(run, plan=plan, lines=[{**line, "candidates": line["candidates"][:count]} for line in run.lines])


def figures() -> Iterator[tuple[str, Figure]]:
    """Score against mean tokens of up to sixteen trajectories, of either model; on the prompts that chose nothing."""
    with TemporaryDirectory() as place:
        pooled = PooledRun.of(CompleteRun.read(unpack(COMPLETE, Path(place))), 2)
        yield "budget-quality", budget_findings(pooled, REWARD, "allocate", trajectories=8, seed=0)[1].figure
        run = CompleteRun.read(unpack(PACK, Path(place)))
        yield "budget-quality-next-scale", budget_findings(run, REWARD, "allocate", trajectories=8, seed=0)[1].figure


def blocks() -> Iterator[tuple[str, str]]:
    """Every computed block."""
    with TemporaryDirectory() as place:
        run = CompleteRun.read(unpack(PACK, Path(place)))
    head = [
        "",
        "N",
        "score",
        "tokens/image",
        "against as many each",
        "intervals above 0",
        f"against best-of-{HELD_AGAINST}",
        "intervals below, above 0",
    ]
    yield "next-scale-budgets", markdown_table(head, [_row(run, *row) for row in ROWS])
    yield (
        "next-scale-fixed",
        markdown_table(["", "score", "tokens/image"], [_fixed(run, n) for n in (1, 2, 4, 8, 16)]),
    )


def _fixed(run: CompleteRun, n: int) -> list[str]:
    value = score(run, best_by(run, REWARD, n).points)
    return [f"best-of-{n}", with_error(value.value, value.standard_error), f"{n * run.tokens_per_trajectory}"]


def _row(run: CompleteRun, kind: Kind, trajectories: float, n: int) -> list[str]:
    few = first_trajectories(run, n)
    found = divisions(few, REWARD, kind, trajectories)
    equal = over(few, [best_at_tokens(few, REWARD, each.tokens).points for each in found], found)
    whole = over(few, [best_by(few, REWARD, HELD_AGAINST).points] * len(found), found)
    return [
        f"{kind}, `--trajectories {trajectories:g}`",
        str(n),
        spread(scores_of(few, found)),
        f"{np.mean([each.tokens for each in found]):.0f}",
        spread([gap.value for gap in equal], "+"),
        f"{sum(gap.low > 0 for gap in equal)} of {len(found)}",
        spread([gap.value for gap in whole], "+"),
        f"{sum(gap.high < 0 for gap in whole)}, {sum(gap.low > 0 for gap in whole)} of {len(found)}",
    ]
