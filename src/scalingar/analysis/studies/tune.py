"""A search for the best selection rule: fitted on half of the prompts, tested on the other half."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from scalingar.analysis.outcomes.findings import Cell, Findings
from scalingar.analysis.outcomes.outcome import SEED, Outcome, score
from scalingar.analysis.outcomes.outcome_table import outcome_plot, outcome_row
from scalingar.analysis.outcomes.running_signals import RUNNING, running
from scalingar.analysis.outcomes.selection import best_at_tokens, best_by, outcome_of, random_of
from scalingar.analysis.replay.replay import replay_strategy
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.runs.prompt_split import fitting_images
from scalingar.analysis.studies.joint_signal import JointSignal, fit_joint_signal
from scalingar.analysis.studies.signal_study import concordance
from scalingar.profile.rounding import descending, first_largest
from scalingar.strategies import SuccessiveHalving

FRACTIONS = (0.125, 0.25, 0.5, 0.75)
"""Shares of the steps after which a gate cuts."""
JOINT = "combined"
_SHOWN = 8
"""Gates in the table: those with the highest scores on the prompts that they were fitted on."""


@dataclass(frozen=True)
class Tuner:
    """``fit``: mask of the images to fit on. ``traces``: all signals at all steps, signed so that higher is better."""

    run: CompleteRun
    fit: Bool[np.ndarray, " i"]
    traces: dict[str, Float[np.ndarray, "i n t"]]

    @classmethod
    def of(cls, run: CompleteRun, seed: int) -> "Tuner":
        """Signals that order candidates wrongly more often than correctly on the fitting half are negated."""
        fit, traces = fitting_images(run, seed), {}
        for name in RUNNING:
            values = running(run, name).astype(np.float32)
            wins, pairs = (part[fit].sum() for part in concordance(values[:, :, -1], run.correct))
            helps = wins >= pairs / 2
            traces[name if helps else f"minus {name}"] = values if helps else -values
        return cls(run, fit, traces)

    def joint_signal(self, step: int) -> JointSignal:
        """The joint signal at a step, fitted on the fitting half."""
        return fit_joint_signal(list(self.traces), self.features(step)[self.fit], self.run.correct[self.fit])

    def features(self, step: int) -> Float[np.ndarray, "i n f"]:
        """All signals at a step."""
        return np.stack([values[:, :, step] for values in self.traces.values()], axis=-1).astype(np.float64)

    def at(self, step: int) -> dict[str, Float[np.ndarray, "i n"]]:
        """Every signal, and the joint one, at a step."""
        single = {name: values[:, :, step] for name, values in self.traces.items()}
        return {**single, JOINT: self.joint_signal(step)(self.features(step))}

    def picks(self) -> Iterator[Outcome]:
        """Choosing among all complete candidates, by each signal."""
        tokens = np.full(self.run.images, float(self.run.trajectories * self.run.steps))
        for name, values in self.at(self.run.steps - 1).items():
            yield outcome_of(self.run, first_largest(values), f"pick by {name}", tokens)

    def gates(self) -> Iterator[Outcome]:
        """Keeping the best k after a share of the steps, and choosing among them by the joint signal."""
        last = self.at(self.run.steps - 1)[JOINT]
        n, steps = self.run.trajectories, self.run.steps
        for fraction in FRACTIONS:
            step = max(1, round(fraction * steps))
            signals = self.at(step - 1)
            for k in (2**power for power in range(n.bit_length()) if 2**power < n):
                tokens = np.full(self.run.images, float(n * step + k * (steps - step)))
                for name, values in signals.items():
                    label = f"keep {k} at {step} by {name}"
                    yield outcome_of(self.run, kept_best(values, last, k), label, tokens)

    def fitted(self, outcome: Outcome) -> float:
        """Score on the fitting half."""
        return score(self.run, outcome.points, self.fit).value


def kept_best(early: Float[np.ndarray, "i n"], late: Float[np.ndarray, "i n"], k: int) -> Int[np.ndarray, " i"]:
    """Index, per image, of the highest late signal among the ``k`` candidates with the highest early one."""
    order = np.sort(descending(early)[:, :k], axis=1)
    best = first_largest(np.take_along_axis(late, order, axis=1))
    return np.take_along_axis(order, best[:, None], axis=1)[:, 0]


def tune_findings(run: CompleteRun, seed: int = SEED) -> Findings:
    """Picks and gates by every signal; directions, weights and the ranking come from the fitting half alone.

    Raises:
        BenchmarkError: too few prompts, or none whose candidates differ.
    """
    tuner = Tuner.of(run, seed)
    picks = sorted(tuner.picks(), key=tuner.fitted, reverse=True)
    gates = sorted(tuner.gates(), key=tuner.fitted, reverse=True)[:_SHOWN]
    n = run.trajectories
    references = [random_of(run, n), best_by(run, "confidence", n), *(best_by(run, name, n) for name in run.rewards)]
    references += halving_outcomes(run)
    outcomes = [*picks, *gates, *references]
    rows = [_row(tuner, outcome, {f"random-of-{n}": references[0]}, ~tuner.fit) for outcome in outcomes]
    best = max([*picks, *gates], key=tuner.fitted)
    figure = outcome_plot(run, outcomes, best.name, images=~tuner.fit)
    return Findings("tune", rows, figure, notes=_notes(tuner, best, tuner.joint_signal(run.steps - 1)))


def halving_outcomes(run: CompleteRun) -> list[Outcome]:
    """`SuccessiveHalving` with its defaults, and its signal on as many complete candidates as cost the same."""
    strategy = SuccessiveHalving(num_trajectories=run.trajectories, profile=run.profile)
    if run.trajectories <= min(count for _, count in strategy.rounds):
        return []
    replayed = replay_strategy(run, strategy)
    halved = outcome_of(run, replayed.chosen, "successive-halving", replayed.tokens)
    return [halved, best_at_tokens(run, strategy.signal, float(replayed.tokens.mean()))]


def _row(tuner: Tuner, outcome: Outcome, bases: dict[str, Outcome], images: Bool[np.ndarray, " i"]) -> dict[str, Cell]:
    row = outcome_row(tuner.run, outcome, bases, images)
    return {"rule": row.pop("rule"), "fitted": tuner.fitted(outcome), **row}


def _notes(tuner: Tuner, best: Outcome, joint: JointSignal) -> Sequence[str]:
    terms = ", ".join(f"{name} {weight:+.2f}" for name, weight in zip(joint.names, joint.weights, strict=True))
    fit, tested = int(tuner.fit.sum()), int((~tuner.fit).sum())
    return [
        f"'fitted' is the score on the {fit} images whose prompts chose directions, weights and order; everything else "
        f"is of the other {tested}. The rule found is '{best.name}'; only its row is a test, the others are there to "
        "compare. Intervals are 95 %, paired by prompt.",
        f"Joint signal at the end, per deviation within an image: {terms}.",
    ]
