"""Results as plain values for JSON; NaN becomes null."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scalingar.core.outputs import Candidate, PromptResult

_DIGITS = 6
"""Significant digits of step-wise values; fp32 has seven."""


_OF_BRANCHES = frozenset({"pmi", "log_p_null", "K", "D", "D_hat"})
"""Signals and letters that compare the prompt's branch with an unconditional one."""


def result_dict(result: PromptResult, *, steps: bool, guided: bool = True) -> dict[str, Any]:
    """A prompt's result; with ``steps`` each candidate's codes and step-wise values too.

    ``guided``: whether there was an unconditional branch; without one what compares the branches is null.
    """
    candidates = [candidate_dict(candidate, steps=steps, guided=guided) for candidate in result.candidates]
    return {
        "prompt": result.prompt,
        **({} if result.second_prompt is None else {"second_prompt": result.second_prompt}),
        "seed": result.seed,
        "chosen": result.chosen,
        "truncated": {name: asdict(truncation) for name, truncation in result.truncated.items()},
        "candidates": candidates,
    }


def candidate_dict(candidate: Candidate, *, steps: bool, guided: bool = True) -> dict[str, Any]:
    """One trajectory: fate, descent, signals and rewards; with ``steps`` its codes and step-wise values too."""
    cut = candidate.cut
    unknown = frozenset() if guided else _OF_BRANCHES
    summary = {
        "index": candidate.index,
        "tokens": candidate.tokens,
        "drawn": candidate.drawn,
        "fate": candidate.fate,
        "cut": None if cut is None else {"step": cut.step, "reason": cut.reason},
        "parent": candidate.parent,
        "born": candidate.born,
        "signals": {
            name: None if name in unknown else plain_number(value) for name, value in candidate.signals.items()
        },
        "rewards": {name: plain_number(value) for name, value in candidate.rewards.items()},
    }
    if not steps:
        return summary
    trace = {
        name: [None] * len(values) if name in unknown else _plain_row(values)
        for name, values in candidate.trace.items()
    }
    return {**summary, "codes": candidate.codes.tolist(), "trace": trace}


def final_confidence(candidate: Candidate) -> float:
    """The signal of this name: C of its last step, including that of the cut; NaN if none was traced."""
    values = candidate.trace.get("C")
    return math.nan if values is None or not len(values) else float(values[-1])


def other_signal(chosen_by: str | None) -> str | None:
    """The signal that a strategy chose by, where it is another one than the final confidence, which is always shown."""
    return None if chosen_by == "final_confidence" else chosen_by


def signal_words(name: str) -> str:
    """A signal's name as people read it."""
    return name.replace("_", " ")


def known_after(candidate: Candidate, letter: str) -> int:
    """How many steps were done when the first value of a trace was known; the next one came a step later.

    None for what the logits of a next-token model say before a code is drawn; one for what is seen of a picture, and
    for a scale.
    """
    return int(candidate.step_name == "scale" or letter == "reward")


def last_reward(candidate: Candidate, name: str) -> float:
    """The last reward, for a cut candidate that of its image at the time; NaN without any."""
    if name in candidate.rewards:
        return candidate.rewards[name]
    rewards = candidate.trace.get("reward", np.empty(0, np.float32))
    known = rewards[np.isfinite(rewards)]
    return float(known[-1]) if len(known) else math.nan


def descent(candidate: Candidate) -> str:
    """Parent and birth of a copy; empty for other candidates."""
    if candidate.parent is None:
        return ""
    return f"copy of #{candidate.parent} from {candidate.step_name} {candidate.born}"


def plain_number(value: float) -> float | None:
    """The value, or None if it is not finite."""
    return float(value) if math.isfinite(value) else None


def _plain_row(values: NDArray[np.float32]) -> list[float | None]:
    return [plain_number(float(f"{value:.{_DIGITS}g}")) for value in values.tolist()]
