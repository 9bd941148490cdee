"""What values of prefixes are worth: how often they order a prompt's trajectories as the reward does."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student

LENGTHS = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)
"""Shares of an image's steps that a prefix has. The whole one's last step is never read: nothing follows it."""

FEWEST = 10
"""Prompts below which a share has no interval: it would tell nothing."""

Table = Float[np.ndarray, "p n k"]
"""One number per prompt, trajectory and length."""


def stops(steps: int) -> list[int]:
    """The steps before whose draw a prefix has one of :data:`LENGTHS`; the whole one's is the last step."""
    return [min(round(share * steps), steps - 1) for share in LENGTHS]


def pairs_right(values: Float[np.ndarray, "p n"], truth: Float[np.ndarray, "p n"]) -> Float[np.ndarray, " q"]:
    """Per prompt with a pair of different truths: the share of such pairs that the values order as the truth does.

    Equal values count half. Prompts with a truth that is no number are left out.
    """
    known = np.isfinite(truth).all(1)
    ahead = np.sign(values[known, :, None] - values[known, None])
    wanted = np.sign(truth[known, :, None] - truth[known, None])
    counts = (wanted != 0).sum((1, 2))
    right = ((ahead == wanted) + 0.5 * (ahead == 0)) * (wanted != 0)
    return right.sum((1, 2))[counts > 0] / counts[counts > 0]


def bellman_error(values: Table, reward: Float[np.ndarray, "p n"]) -> list[float]:
    """Root mean square of v(prefix) - v(next prefix), the last next one being the reward; in units of the reward's
    deviation within a prompt. One continuation stands for their mean, so this is an upper bound.

    Values and rewards are taken from their prompt's mean.
    """
    target, values = reward - reward.mean(1, keepdims=True), values - values.mean(1, keepdims=True)
    following = np.concatenate([values[:, :, 1:], target[:, :, None]], 2)
    variance = target.var() or math.inf
    return [float(math.sqrt(gap)) for gap in ((following - values) ** 2).mean((0, 1)) / variance]


def report(values: Table, confidence: Table, reward: Float[np.ndarray, "p n"]) -> dict[str, Any]:
    """Shares of right pairs with 95 % intervals over prompts, by who orders them and length; and the Bellman error."""
    return {
        "prompts": len(reward),
        "lengths": list(LENGTHS),
        "verifier": _shares(values, reward),
        "confidence": _shares(confidence, reward),
        "bellman_error": [round(error, 4) for error in bellman_error(values, reward)],
    }


def _shares(values: Table, reward: Float[np.ndarray, "p n"]) -> list[tuple[float, float | None] | None]:
    """Mean and half of Student's interval per length; None where fewer than two prompts have different rewards."""
    parts = [pairs_right(values[:, :, length], reward) for length in range(values.shape[2])]
    return [None if len(part) < 2 else (round(float(part.mean()), 4), _half(part)) for part in parts]


def _half(part: Float[np.ndarray, " q"]) -> float | None:
    """Half of the 95 % interval of the mean, the deviation being that of a sample; None of too few."""
    if len(part) < FEWEST:
        return None
    return round(float(student.ppf(0.975, len(part) - 1) * part.std(ddof=1) / math.sqrt(len(part))), 4)


def table(report: dict[str, Any], reward: str) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the report, in percent."""
    head = ["pairs ordered as the reward does", *("all" if share == 1 else f"{share:g}" for share in report["lengths"])]
    rows = [[name, *map(_percent, report[name])] for name in ("confidence", "verifier")]
    rows.append([f"the reward {reward}, of the finished image", *[""] * (len(report["lengths"]) - 1), "100 %"])
    rows.append(["Bellman error", *(f"{error:.2f}" for error in report["bellman_error"])])
    return head, rows


def held_out(report: dict[str, Any]) -> str:
    """A sentence on the prompts that the table is of."""
    count = report["prompts"]
    told = f"{count} prompt{'s were' if count != 1 else ' was'} held out"
    if count < FEWEST:
        return f"{told}, too few to tell anything by; give some hundreds of prompts in all"
    return f"{told}; intervals of 95 % over prompts, where at least {FEWEST} of them tell"


def _percent(cell: Sequence[float | None] | None) -> str:
    if cell is None:
        return "–"
    share, half = cell
    assert share is not None
    return f"{100 * share:.1f} %" if half is None else f"{100 * share:.1f} ± {100 * half:.1f} %"
