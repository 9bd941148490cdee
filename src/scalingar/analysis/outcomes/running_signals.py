"""The value of each signal after each step, from the traces of a run; higher is meant to be better."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.core.errors import BenchmarkError
from scalingar.profile.signals import GROUP

Running = Callable[[CompleteRun], Float[np.ndarray, "i n t"]]


def running(run: CompleteRun, name: str) -> Float[np.ndarray, "i n t"]:
    """A signal at every step; the last value is that of the complete trajectory, the only one in a run without traces.

    Raises:
        BenchmarkError: there is no such signal, or it needs traces and the run has none.
    """
    if name not in RUNNING:
        raise BenchmarkError(f"there is no signal {name!r}; choose from {', '.join(RUNNING)}.")
    if not run.traced and name in signal_names(run):
        return _recorded(run, name)[:, :, None]
    return RUNNING[name](run)


def signal_names(run: CompleteRun) -> tuple[str, ...]:
    """Signals that a run has: all of them, or without traces those recorded for complete trajectories."""
    return tuple(name for name in RUNNING if run.traced or _NEGATED.get(name, name) in run.signals)


def mean_so_far(values: Float[np.ndarray, "i n t"]) -> Float[np.ndarray, "i n t"]:
    """Mean over all steps up to and including each."""
    return values.cumsum(axis=-1, dtype=np.float64) / np.arange(1, values.shape[-1] + 1)


def lowest_group_so_far(deepconf: Float[np.ndarray, "i n t"]) -> Float[np.ndarray, "i n t"]:
    """The smallest mean of 32 consecutive steps so far; over all steps while there are fewer."""
    means = mean_so_far(deepconf)
    steps = deepconf.shape[-1]
    if steps > GROUP:
        sums = means * np.arange(1, steps + 1)
        means[:, :, GROUP:] = (sums[:, :, GROUP:] - sums[:, :, :-GROUP]) / GROUP
        means[:, :, GROUP - 1 :] = np.minimum.accumulate(means[:, :, GROUP - 1 :], axis=-1)
    return means


def _recorded(run: CompleteRun, name: str) -> Float[np.ndarray, "i n"]:
    return -run.signals[_NEGATED[name]] if name in _NEGATED else run.signals[name]


def _traced(letter: str) -> Running:
    return lambda run: run.traces[letter]


def _mean(letter: str, sign: float = 1.0) -> Running:
    return lambda run: sign * mean_so_far(run.traces[letter])


def _pmi(run: CompleteRun) -> Float[np.ndarray, "i n t"]:
    return (run.traces["log_p"].astype(np.float64) - run.traces["log_p_null"]).cumsum(axis=-1)


_NEGATED = {"negative_entropy": "entropy"}
"""Signals that are recorded with the opposite sign, by the recorded name."""

RUNNING: dict[str, Running] = {
    "final_confidence": _traced("C"),
    "confidence": _mean("C"),
    "I_hat": _traced("I_hat"),
    "D_hat": _traced("D_hat"),
    "B": _traced("B"),
    "s_tok": _traced("s_tok"),
    "negative_entropy": _mean("entropy", -1.0),
    "deepconf": _mean("deepconf"),
    "lowest_group_confidence": lambda run: lowest_group_so_far(run.traces["deepconf"]),
    "log_likelihood": _mean("log_p"),
    "pmi": _pmi,
}
"""By name: as traced at the step (the paper's letters; ``final_confidence`` is C), means, or sums so far."""
