"""A budget per prompt or per call: a rule found on half of a complete run's prompts, told on the others."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.figure import Figure

from scalingar.analysis.outcomes.findings import Cell, Findings
from scalingar.analysis.outcomes.outcome import SEED, Outcome, score
from scalingar.analysis.outcomes.outcome_table import outcome_row
from scalingar.analysis.outcomes.selection import best_at_tokens, best_by, candidate_scores, outcome_of
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.runs.prompt_split import fitting_images
from scalingar.analysis.studies.kernel_density import taken_by_kernel_density
from scalingar.bench import BENCHMARKS
from scalingar.core.errors import ConfigError
from scalingar.policy.allocation import AllocationRule
from scalingar.policy.stopping import StoppingRule
from scalingar.profile.rounding import first_largest
from scalingar.report.figure import new_figure, own_style, quiet_axes
from scalingar.report.palette import CHOSEN, CUT, INK, MUTED

Rule = StoppingRule | AllocationRule
Kind = Literal["stop-when-good", "allocate"]
QUANTILES = 64
"""Thresholds that are tried: quantiles of the fitting half's rewards."""
FIRST, PRIORS = (1, 2, 3), (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Values of an allocation that are tried."""
_BUDGET_STEP = 0.25
_CURVE = 24


@dataclass(frozen=True)
class Budget:
    """A rule under which ``run`` is read, by a reward it recorded.

    ``fit``: mask of the images that choose it. ``call``: images of a call, which share an allocation's budget; in a
    run those of a shard. Those that choose and those that tell are in different calls.
    """

    run: CompleteRun
    reward: str
    rewards: Float[np.ndarray, "i n"]
    fit: Bool[np.ndarray, " i"]
    call: int

    @classmethod
    def of(cls, run: CompleteRun, reward: str, seed: int = SEED) -> "Budget":
        """Raises BenchmarkError: the run did not record this reward, or has too few prompts."""
        rewards = candidate_scores(run, reward, run.trajectories)
        return cls(run, reward, rewards, fitting_images(run, seed), run.plan.shard)

    def taken(self, rule: Rule, call: int | None = None) -> Int[np.ndarray, " i"]:
        """How many trajectories the rule draws of each image."""
        if isinstance(rule, StoppingRule):
            return rule.taken(self.rewards)
        taken = np.zeros(self.run.images, np.int64)
        size = self.call if call is None else call
        for half in (np.flatnonzero(self.fit), np.flatnonzero(~self.fit)):
            for start in range(0, len(half), size):
                images = half[start : start + size]
                taken[images] = rule.taken(self.rewards[images])
        return taken

    def outcome(self, rule: Rule, name: str) -> Outcome:
        """Tokens and points under a rule."""
        return self.after(self.taken(rule), name)

    def after(self, taken: Int[np.ndarray, " i"], name: str) -> Outcome:
        """The best by reward of the first ``taken`` trajectories of each image."""
        chosen = first_largest(self._seen(taken))
        return outcome_of(self.run, chosen, name, taken * self.run.tokens_per_trajectory)

    def picked(self, taken: Int[np.ndarray, " i"]) -> Float[np.ndarray, " i"]:
        """The reward of what is handed out."""
        return self._seen(taken).max(axis=1)

    def _seen(self, taken: Int[np.ndarray, " i"]) -> Float[np.ndarray, "i n"]:
        """The rewards of what is drawn, -inf for the rest."""
        return np.where(np.arange(self.run.trajectories) < taken[:, None], self.rewards, -np.inf)

    def stopping_rules(self, wave: int) -> Iterator[StoppingRule]:
        """Thresholds at quantiles of the fitting half's rewards, each with every patience and with none."""
        shares = np.linspace(0, 1, QUANTILES)
        thresholds = np.unique(np.quantile(self.rewards[self.fit], shares)).tolist()
        for threshold in [*thresholds, None]:
            for patience in [*range(1, self.run.trajectories), None]:
                yield StoppingRule(wave=wave, threshold=threshold, patience=patience)

    def allocations(self, trajectories: float | None) -> Iterator[AllocationRule]:
        """Rules of this budget; without one, default rules of every budget."""
        if trajectories is None:
            for budget in np.arange(1, self.run.trajectories + _BUDGET_STEP, _BUDGET_STEP).tolist():
                yield AllocationRule(budget=budget)
            return
        for first in (count for count in FIRST if count <= trajectories):
            for prior in PRIORS:
                yield AllocationRule(budget=trajectories, first=first, prior=prior)


def calibrated(
    budget: Budget, kind: Kind, *, wave: int = 1, trajectories: float | None = None, reach: float | None = None
) -> Rule:
    """The rule for a wanted mean cost or a wanted score, chosen on the fitting half.

    Args:
        trajectories: largest mean number per image; of the rules that keep to it, the one with the highest mean
            reward of what is handed out. The judge has no part in it.
        reach: smallest score by the run's judge; of the rules that reach it, the one that costs least.

    Raises:
        ConfigError: both or none are given; no rule is as cheap, or none reaches the score.
    """
    if (trajectories is None) == (reach is None):
        given = "neither is" if reach is None else "both are"
        raise ConfigError(
            f"give either trajectories, a mean number of them, or reach, a score to reach; {given} given."
        )
    if reach is not None:
        _check_score(reach, budget.run)
    n, fit = budget.run.trajectories, budget.fit
    if trajectories is not None and not wave <= trajectories <= n:
        raise ConfigError(f"{trajectories:g} trajectories per image are not between a wave, {wave}, and the run's {n}.")
    found: list[tuple[float, float, Rule]] = []
    rules = budget.stopping_rules(wave) if kind == "stop-when-good" else budget.allocations(trajectories)
    for rule in rules:
        taken = budget.taken(rule)
        cost = float(taken[fit].mean())
        if trajectories is not None and cost <= trajectories:
            found.append((-float(budget.picked(taken)[fit].mean()), cost, rule))
        if reach is not None and score(budget.run, budget.after(taken, "").points, fit).value >= reach:
            found.append((cost, 0.0, rule))
    if not found:
        best = score(budget.run, best_by(budget.run, budget.reward, n).points, fit).value
        raise ConfigError(
            f"no rule reaches a score of {reach:g}; the best of {n} by {budget.reward} scores {best:.3f}."
        )
    return min(found, key=lambda item: item[:2])[2]


def _check_score(reach: float, run: CompleteRun) -> None:
    """Raises ConfigError unless the run's judge could give this score; where it grades, that may be below 0."""
    name = run.plan.benchmark
    graded = name in BENCHMARKS and BENCHMARKS[name].graded
    if not np.isfinite(reach) or (reach <= 0 and not graded):
        wanted = "a finite score" if graded else "a score above 0"
        raise ConfigError(f"reach is {reach:g}; it must be {wanted}.")


def budget_findings(
    run: CompleteRun,
    reward: str,
    kind: Kind = "stop-when-good",
    *,
    wave: int = 1,
    trajectories: float | None = None,
    reach: float | None = None,
    seed: int = SEED,
) -> tuple[Rule, Findings]:
    """The rule, and on the prompts that did not choose it: Best-of-N at the same tokens, and controls.

    The controls: the same numbers of trajectories handed to the prompts by chance, across tasks, and an
    oracle that stops at the first image that the judge calls right; of an allocation also one over all images
    at once, and by a kernel density of each image's own rewards.

    Raises:
        ConfigError, BenchmarkError: see :func:`calibrated` and :class:`Budget`.
    """
    if not 1 <= wave <= run.trajectories:
        raise ConfigError(f"a wave of {wave} trajectories is not between 1 and the run's {run.trajectories}.")
    if kind == "allocate" and wave != 1:
        raise ConfigError(f"a wave of {wave} is of stop-when-good; an allocation hands out one more at a time.")
    budget = Budget.of(run, reward, seed)
    rule = calibrated(budget, kind, wave=wave, trajectories=trajectories, reach=reach)
    tested, taken = ~budget.fit, budget.taken(rule)
    cost = float(taken[tested].mean())
    equal = best_at_tokens(run, reward, cost * run.tokens_per_trajectory)
    chance = taken.copy()
    chance[tested] = np.random.default_rng(seed).permuted(taken[tested])
    first = np.where(run.correct.any(axis=1), run.correct.argmax(axis=1) + 1, run.trajectories)
    outcomes = [budget.after(taken, kind), equal]
    if isinstance(rule, AllocationRule):
        outcomes.append(budget.after(budget.taken(rule, call=run.images), "allocate, all in one call"))
        kernel = np.zeros_like(taken)
        for half in (budget.fit, tested):
            kernel[half] = taken_by_kernel_density(budget.rewards[half], float(taken[half].mean()))
        outcomes.append(budget.after(kernel, "by a kernel density of its own"))
    whole = best_by(run, reward, run.trajectories)
    outcomes += [
        budget.after(chance, "the same numbers by chance"),
        whole,
        budget.after(first, "oracle's stop, then by reward"),
    ]
    rows = [_row(run, outcome, (equal, whole), budget.fit) for outcome in outcomes]
    by = "the reward" if reach is None else "the judge"
    note = (
        f"{_words(rule)}; chosen on {int(budget.fit.sum())} images by {by}, and told on the other "
        f"{int(tested.sum())}; 'fitted' is the score on the former. Intervals are 95 %, paired by prompt."
    )
    notes = [note] if isinstance(rule, StoppingRule) else [note, f"A call has at most {budget.call} images."]
    return rule, Findings("budget", rows, _plot(budget, outcomes), notes=notes)


def _row(
    run: CompleteRun, outcome: Outcome, bases: tuple[Outcome, ...], fit: Bool[np.ndarray, " i"]
) -> dict[str, Cell]:
    row = outcome_row(run, outcome, {base.name: base for base in bases}, ~fit)
    each = row["tokens/image"]
    assert isinstance(each, float)
    head: dict[str, Cell] = {"rule": row.pop("rule"), "fitted": score(run, outcome.points, fit).value}
    return {**head, **row, "trajectories": each / run.tokens_per_trajectory}


def _words(rule: Rule) -> str:
    if isinstance(rule, AllocationRule):
        return f"{rule.first} of each first, {rule.budget:g} on average, prior {rule.prior:g}"
    parts = [f"waves of {rule.wave}"]
    parts += [] if rule.threshold is None else [f"until a reward of {rule.threshold:.4g}"]
    parts += [] if rule.patience is None else [f"or until {rule.patience} bring no rise"]
    return " ".join(parts)


@own_style
def _plot(budget: Budget, outcomes: list[Outcome]) -> Figure:
    """Score against mean tokens: Best-of-N as one curve, thresholds and allocations as others."""
    run, images, figure = budget.run, ~budget.fit, new_figure(7.5, 4.6)
    axes = figure.subplots()
    quiet_axes(axes)
    fixed = [best_by(run, budget.reward, n) for n in range(1, run.trajectories + 1)]
    thresholds = np.quantile(budget.rewards, np.linspace(0, 1, _CURVE)).tolist()
    stopped = [budget.outcome(StoppingRule(threshold=value), "") for value in thresholds]
    budgets = np.linspace(1, run.trajectories, _CURVE).tolist()
    shared = [budget.outcome(AllocationRule(budget=value), "") for value in budgets]
    curves = (("Best-of-N", fixed, MUTED), ("a threshold", stopped, CHOSEN), ("allocate", shared, CUT))
    for name, curve, color in curves:
        points = [(outcome.tokens[images].mean(), score(run, outcome.points, images).value) for outcome in curve]
        axes.plot(*zip(*points, strict=True), "o-", color=color, markersize=3.5, linewidth=1.2, label=name)
    for outcome, label in ((outcomes[0], "the rule that was found"), (outcomes[-1], outcomes[-1].name)):
        value = score(run, outcome.points, images).value
        axes.plot([outcome.tokens[images].mean()], [value], "s", markersize=6, label=label)
    axes.set_xlabel("mean tokens per image", color=INK)
    axes.set_ylabel("score on the prompts that chose nothing", color=INK)
    axes.legend(frameon=False, fontsize=8.5)
    return figure
