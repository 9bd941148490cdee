"""Choosing among finished images against an imperfect reward: found on half of the prompts, told on the others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float
from scipy.stats import poisson

from scalingar.analysis.outcomes.findings import Cell, Findings
from scalingar.analysis.outcomes.outcome import SEED, Outcome, score
from scalingar.analysis.outcomes.outcome_table import outcome_plot, outcome_row
from scalingar.analysis.outcomes.selection import best_by, importance_of, oracle_of, outcome_of
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.runs.prompt_split import fitting_images
from scalingar.analysis.studies.scaling import sources
from scalingar.core.errors import ConfigError
from scalingar.profile.rounding import first_largest
from scalingar.rewards.intrinsic import INTRINSIC
from scalingar.rewards.rank_sum import ranks

WEIGHTS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Of a signal's rank beside the reward's."""
PAIR_WEIGHTS = (0.1, 0.25, 0.5)
LAMBDAS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_FEWEST = 4
"""Trajectories below which there is little to choose."""


@dataclass(frozen=True)
class Choices:
    """Ways of choosing among the first N images of ``run``, all of them beside the highest ``reward``."""

    run: CompleteRun
    reward: str
    n: int

    def families(self) -> dict[str, list[Outcome]]:
        """All that is tried, by kind."""
        others = self._ranks()
        own = others.pop(self.reward)
        names = list(others)
        return {
            "rank sum, one signal": [self._by(own, others, {name: w}) for name in names for w in WEIGHTS],
            "rank sum, two signals": [
                self._by(own, others, dict.fromkeys(pair, w)) for pair in combinations(names, 2) for w in PAIR_WEIGHTS
            ],
            "best of fewer": [best_by(self.run, self.reward, k) for k in range(1, self.n)],
            "soft best-of-n, λ": [self._soft(value) for value in LAMBDAS],
            "best of Poisson, μ": list(self._poisson()),
        }

    def _ranks(self) -> dict[str, Float[np.ndarray, "i n"]]:
        """Ranks within each image, of the reward and of every signal that the run recorded; the worst has 0."""
        recorded = self.run.signals
        values = {self.reward: self.run.rewards[self.reward]}
        for name, signal in INTRINSIC.items():
            column = recorded.get(signal.signal)
            if column is not None and np.isfinite(column).all():
                values[name] = signal.sign * column
        return {name: ranks(column[:, : self.n]) for name, column in values.items()}

    def _by(self, own: np.ndarray, others: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> Outcome:
        total = own + sum(weight * others[name] for name, weight in weights.items())
        terms = ",".join([self.reward, *(f"{weight:g}*{name}" for name, weight in weights.items())])
        return outcome_of(self.run, first_largest(total), f"rank-sum:{terms}", self._tokens(self.n))

    def _soft(self, value: float) -> Outcome:
        outcome = importance_of(self.run, self.reward, self.n, value)
        return Outcome(f"importance sampling, λ = {value:g}", outcome.points, outcome.tokens)

    def _poisson(self) -> Iterator[Outcome]:
        """The best of n ~ Poisson(μ) trajectories, at least one and at most N; in expectation."""
        points = np.stack([best_by(self.run, self.reward, k).points for k in range(1, self.n + 1)])
        counts = np.arange(1, self.n + 1)
        for mean in range(1, self.n + 1):
            share = poisson.pmf(counts, mean)
            share[0] += poisson.pmf(0, mean)
            share[-1] += poisson.sf(self.n, mean)
            tokens = self._tokens(1) * float(share @ counts)
            yield Outcome(f"best of n ~ Poisson({mean})", share @ points, tokens)

    def _tokens(self, count: int) -> Float[np.ndarray, " i"]:
        return np.full(self.run.images, float(count * self.run.tokens_per_trajectory))


def choosing_findings(run: CompleteRun, reward: str | None = None, seed: int = SEED) -> Findings:
    """For every N: of each kind of choice the best on half of the prompts, and what it scores on the other half.

    λ and n against over-optimisation as HedgeTune's (arXiv 2506.19248): there by the derivative of the true reward,
    here by the score of the fitting half on a grid.

    Raises:
        ConfigError: no such reward was recorded, or too few trajectories. BenchmarkError: too few prompts.
    """
    name = reward if reward is not None else next(iter(run.rewards), None)
    if name is None:
        raise ConfigError(
            f"{run.folder} recorded no reward to choose by; give a run of best-of-n, made with "
            "'bench run --strategy best-of-n --reward NAME --all-candidates'."
        )
    if name not in run.rewards:
        known = ", ".join(run.rewards) or "none"
        raise ConfigError(
            f"{run.folder} did not record the reward {name!r} (recorded: {known}); give one that it recorded, or a run "
            f"made with 'bench run --strategy best-of-n --reward {name} --all-candidates'."
        )
    if run.trajectories < _FEWEST:
        few = f"{run.trajectories} trajector{'y' if run.trajectories == 1 else 'ies'}"
        raise ConfigError(f"{run.folder} has {few} per image; give a run of {_FEWEST} or more.")
    rows: list[dict[str, Cell]] = []
    shown: list[Outcome] = []
    tried = 0
    for n, source in sources(run):
        if n < _FEWEST or (source is run and n not in (_FEWEST, run.trajectories)):
            continue
        fit, base = fitting_images(source, seed), best_by(source, name, n)
        families = Choices(source, name, n).families()
        found = {kind: max(each, key=lambda o: score(source, o.points, fit).value) for kind, each in families.items()}
        tried += sum(map(len, families.values()))
        for kind, outcome in {"highest reward": base, **found, "oracle": oracle_of(source, n)}.items():
            row = outcome_row(source, outcome, {"the highest reward": base}, ~fit)
            head: dict[str, Cell] = {"N": n, "kind": kind, "tried": len(families.get(kind, [outcome]))}
            fitted = {"fitted": score(source, outcome.points, fit).value}
            rows.append({**head, "rule": row.pop("rule"), **fitted, **row})
        if source is run and n == run.trajectories:
            shown = [base, *found.values()]
    note = (
        f"Of each kind the rule with the best score on half of the prompts ('fitted'); everything else is of the other "
        f"half. {tried} rules were tried in all, so that a fitted score is partly luck, and the largest of the "
        "differences here, too. Beyond the run's own N images of a prompt are taken together. Intervals are 95 %, "
        "paired by prompt."
    )
    figure = outcome_plot(run, shown, shown[0].name, images=~fitting_images(run, seed))
    return Findings("choosing", rows, figure, notes=[note])
