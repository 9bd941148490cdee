"""A budget per prompt: a stopping rule found on half of a complete run's prompts, and what it gives on the others."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.figure import Figure

from scalingar.analysis.outcomes.findings import Cell, Findings
from scalingar.analysis.outcomes.outcome import SEED, Outcome, score
from scalingar.analysis.outcomes.outcome_table import outcome_row
from scalingar.analysis.outcomes.selection import best_at_tokens, best_by, candidate_scores, outcome_of
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.runs.prompt_split import fitting_images
from scalingar.core.errors import ConfigError
from scalingar.policy.stopping import StoppingRule
from scalingar.profile.rounding import first_largest
from scalingar.report.figure import new_figure, own_style, quiet_axes
from scalingar.report.palette import CHOSEN, INK, MUTED

QUANTILES = 64
"""Thresholds that are tried: quantiles of the fitting half's rewards."""
_CURVE = 24


@dataclass(frozen=True)
class Budget:
    """A stopping rule under which ``run`` is read, by a reward it recorded."""

    run: CompleteRun
    reward: str
    rewards: Float[np.ndarray, "i n"]

    @classmethod
    def of(cls, run: CompleteRun, reward: str) -> "Budget":
        """Raises BenchmarkError: the run did not record this reward."""
        return cls(run, reward, candidate_scores(run, reward, run.trajectories))

    def outcome(self, rule: StoppingRule, name: str) -> Outcome:
        """Tokens and points under a rule."""
        return self.after(rule.taken(self.rewards), name)

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

    def rules(self, wave: int, images: Bool[np.ndarray, " i"]) -> Iterator[StoppingRule]:
        """Thresholds at quantiles of these images' rewards, each with every patience and with none."""
        shares = np.linspace(0, 1, QUANTILES)
        thresholds = np.unique(np.quantile(self.rewards[images], shares)).tolist()
        for threshold in [*thresholds, None]:
            for patience in [*range(1, self.run.trajectories), None]:
                yield StoppingRule(wave=wave, threshold=threshold, patience=patience)


def calibrated(
    budget: Budget, images: Bool[np.ndarray, " i"], *, wave: int, trajectories: float | None, reach: float | None
) -> StoppingRule:
    """The rule for a wanted mean cost or a wanted score, chosen on ``images``.

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
    if reach is not None and not 0 < reach < np.inf:
        raise ConfigError(f"reach is {reach:g}; it must be a score above 0.")
    n = budget.run.trajectories
    if trajectories is not None and not wave <= trajectories <= n:
        raise ConfigError(f"{trajectories:g} trajectories per image are not between a wave, {wave}, and the run's {n}.")
    found: list[tuple[float, float, StoppingRule]] = []
    for rule in budget.rules(wave, images):
        taken = rule.taken(budget.rewards)
        cost = float(taken[images].mean())
        if trajectories is not None and cost <= trajectories:
            found.append((-float(budget.picked(taken)[images].mean()), cost, rule))
        if reach is not None and score(budget.run, budget.after(taken, "").points, images).value >= reach:
            found.append((cost, 0.0, rule))
    if not found:
        best = score(budget.run, best_by(budget.run, budget.reward, n).points, images).value
        raise ConfigError(
            f"no rule reaches a score of {reach:g}; the best of {n} by {budget.reward} scores {best:.3f}."
        )
    return min(found, key=lambda item: item[:2])[2]


def budget_findings(
    run: CompleteRun,
    reward: str,
    *,
    wave: int = 1,
    trajectories: float | None = None,
    reach: float | None = None,
    seed: int = SEED,
) -> tuple[StoppingRule, Findings]:
    """The rule, and on the prompts that did not choose it: Best-of-N at the same tokens, and controls.

    The controls: the same numbers of trajectories handed to the prompts by chance, across tasks, and an
    oracle that stops at the first image that the judge calls right.

    Raises:
        ConfigError, BenchmarkError: see :func:`calibrated` and :class:`Budget`.
    """
    if not 1 <= wave <= run.trajectories:
        raise ConfigError(f"a wave of {wave} trajectories is not between 1 and the run's {run.trajectories}.")
    budget, fit = Budget.of(run, reward), fitting_images(run, seed)
    rule = calibrated(budget, fit, wave=wave, trajectories=trajectories, reach=reach)
    tested = ~fit
    taken = rule.taken(budget.rewards)
    cost = float(taken[tested].mean())
    equal = best_at_tokens(run, reward, cost * run.tokens_per_trajectory)
    shuffled = np.random.default_rng(seed).permuted(taken[tested])
    chance = taken.copy()
    chance[tested] = shuffled
    first = np.where(run.correct.any(axis=1), run.correct.argmax(axis=1) + 1, run.trajectories)
    outcomes = [
        budget.after(taken, "stop-when-good"),
        equal,
        budget.after(chance, "the same numbers by chance"),
        best_by(run, reward, run.trajectories),
        budget.after(first, "oracle's stop, then by reward"),
    ]
    rows = [_row(run, outcome, equal, fit) for outcome in outcomes]
    by = "the reward" if reach is None else "the judge"
    note = (
        f"{_words(rule)}; chosen on {int(fit.sum())} images by {by}, and told on the other {int(tested.sum())}; "
        "'fitted' is the score on the former. Intervals are 95 %, paired by prompt."
    )
    return rule, Findings("budget", rows, _plot(budget, outcomes, tested), notes=[note])


def _row(run: CompleteRun, outcome: Outcome, equal: Outcome, fit: Bool[np.ndarray, " i"]) -> dict[str, Cell]:
    row = outcome_row(run, outcome, {equal.name: equal}, ~fit)
    each = row["tokens/image"]
    assert isinstance(each, float)
    head: dict[str, Cell] = {"rule": row.pop("rule"), "fitted": score(run, outcome.points, fit).value}
    return {**head, **row, "trajectories": each / run.tokens_per_trajectory}


def _words(rule: StoppingRule) -> str:
    parts = [f"waves of {rule.wave}"]
    parts += [] if rule.threshold is None else [f"until a reward of {rule.threshold:.4g}"]
    parts += [] if rule.patience is None else [f"or until {rule.patience} bring no rise"]
    return " ".join(parts)


@own_style
def _plot(budget: Budget, outcomes: list[Outcome], images: Bool[np.ndarray, " i"]) -> Figure:
    """Score against mean tokens: Best-of-N as one curve, thresholds as the other."""
    run, figure = budget.run, new_figure(7.5, 4.6)
    axes = figure.subplots()
    quiet_axes(axes)
    fixed = [best_by(run, budget.reward, n) for n in range(1, run.trajectories + 1)]
    thresholds = np.quantile(budget.rewards, np.linspace(0, 1, _CURVE))
    stopped = [budget.outcome(StoppingRule(threshold=float(value)), "") for value in thresholds]
    for name, curve, color in (("Best-of-N", fixed, MUTED), ("a threshold", stopped, CHOSEN)):
        points = [(outcome.tokens[images].mean(), score(run, outcome.points, images).value) for outcome in curve]
        axes.plot(*zip(*points, strict=True), "o-", color=color, markersize=3.5, linewidth=1.2, label=name)
    for outcome in (outcomes[0], outcomes[-1]):
        value = score(run, outcome.points, images).value
        axes.plot([outcome.tokens[images].mean()], [value], "s", markersize=6, label=outcome.name)
    axes.set_xlabel("mean tokens per image", color=INK)
    axes.set_ylabel("score on the prompts that chose nothing", color=INK)
    axes.legend(frameon=False, fontsize=8.5)
    return figure
