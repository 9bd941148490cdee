"""Rules that pick one of N complete candidates, and what each rule earns."""

import numpy as np
from jaxtyping import Float, Int, Real

from scalingar.analysis.outcomes.outcome import Outcome, picked
from scalingar.analysis.outcomes.running_signals import running, signal_names
from scalingar.analysis.replay.replay import check_confidence, check_profile, replay
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.policy.termination import GateConfig
from scalingar.profile.rounding import first_largest
from scalingar.profile.signals import CONFIDENCE


def random_of(run: CompleteRun, n: int) -> Outcome:
    """Picks one of the first ``n`` at random; the points are the exact expectation."""
    check_profile(run, run.profile, n)
    return _full(run, f"random-of-{n}", run.points[:, :n].mean(axis=1), n)


def oracle_of(run: CompleteRun, n: int) -> Outcome:
    """Picks the best of the first ``n`` by the judge's own verdict: an upper bound for every rule."""
    check_profile(run, run.profile, n)
    return _full(run, f"oracle-of-{n}", run.points[:, :n].max(axis=1), n)


def best_by(run: CompleteRun, name: str, n: int) -> Outcome:
    """Picks the highest value of a reward or signal among the first ``n``, the first of equal ones."""
    return _full(run, f"{name}-of-{n}", picked(run, first_largest(candidate_scores(run, name, n))), n)


def importance_of(run: CompleteRun, name: str, n: int, temperature_inverse: float = 10.0) -> Outcome:
    """Draws one of the first ``n`` in proportion to exp(λ·reward); the points are the exact expectation."""
    logits = temperature_inverse * candidate_scores(run, name, n)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return _full(run, f"importance-{name}-of-{n}", (weights * run.points[:, :n]).sum(axis=1), n)


def best_at_tokens(run: CompleteRun, name: str, tokens: float) -> Outcome:
    """Best of k, with k chosen to cost ``tokens`` per image; a fractional k mixes the two counts next to it.

    Raises:
        ConfigError: fewer tokens than one image costs, or more than the run has.
    """
    each = run.tokens_per_trajectory
    k = tokens / each
    if not 1 <= k <= run.trajectories:
        raise ConfigError(f"{tokens:g} tokens per image are not between {each} and {run.trajectories * each}.")
    whole, share = int(k), k - int(k)
    lower = best_by(run, name, whole)
    upper = best_by(run, name, whole + 1) if share else lower
    points = (1 - share) * lower.points + share * upper.points
    return Outcome(f"{name}-of-{k:.2f}", points, np.full(run.images, float(tokens)))


def candidate_scores(run: CompleteRun, name: str, n: int) -> Float[np.ndarray, "i n"]:
    """A recorded reward or a signal of the first ``n`` candidates; confidence as in a run of ``n`` trajectories.

    Raises:
        BenchmarkError: no such reward or signal, one that is not a number, or confidence of another number without
            traces.
        ConfigError: more candidates than there are.
    """
    check_profile(run, run.profile, n)
    if name in CONFIDENCE and not run.traced:
        check_confidence(run, n)
    elif name in CONFIDENCE:
        confidence = replay(run, run.profile, GateConfig(enabled=False), n).confidence.astype(np.float64)
        return confidence.mean(axis=-1) if name == "confidence" else confidence[:, :, -1]
    if name in signal_names(run):
        return running(run, name)[:, :n, -1]
    if name not in run.rewards:
        known = ", ".join([*run.rewards, *signal_names(run)])
        raise BenchmarkError(f"{run.folder} recorded no {name!r}; choose from {known}.")
    values = run.rewards[name][:, :n]
    if not np.isfinite(values).all():
        raise BenchmarkError(f"{run.folder}: the reward {name!r} is not a number for some image.")
    return values


def outcome_of(run: CompleteRun, chosen: Int[np.ndarray, " i"], name: str, tokens: Real[np.ndarray, " i"]) -> Outcome:
    """The outcome of choosing the candidate ``chosen[i]`` for image i."""
    return Outcome(name, picked(run, chosen), tokens.astype(np.float64))


def _full(run: CompleteRun, name: str, points: Float[np.ndarray, " i"], n: int) -> Outcome:
    """The outcome of a rule that completes ``n`` trajectories per image."""
    return Outcome(name, points, np.full(run.images, float(n * run.tokens_per_trajectory)))
