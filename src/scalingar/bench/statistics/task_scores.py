"""Scores per prompt, and their means with standard errors clustered by prompt."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from scalingar.core.errors import BenchmarkError


@dataclass(frozen=True)
class ScoreTable:
    """The scores of one run, a row for each of ``p`` prompts.

    ``prompts``, ``tasks``: id and task of each prompt. ``correct``: points of all its images. ``total``: points that
    they could earn, 0 where a judge answered about none of them.
    """

    prompts: tuple[str, ...]
    tasks: tuple[str, ...]
    correct: Float[np.ndarray, " p"]
    total: Float[np.ndarray, " p"]

    @classmethod
    def of_images(cls, prompts: Sequence[str], tasks: Sequence[str], points: ArrayLike, total: ArrayLike) -> Self:
        """A table from single images, summed by prompt, in the order of the prompts' first images."""
        task_of = dict(zip(prompts, tasks, strict=True))
        rows = {prompt: row for row, prompt in enumerate(task_of)}
        row = np.array([rows[prompt] for prompt in prompts], dtype=np.intp)
        sums = (np.bincount(row, values, len(rows)) for values in (points, total))
        return cls(tuple(task_of), tuple(task_of.values()), *sums)

    def __post_init__(self) -> None:
        sizes = {len(self.prompts), len(self.tasks), len(self.correct), len(self.total)}
        if len(sizes) != 1 or sizes == {0}:
            raise BenchmarkError(f"a table of scores needs one row per prompt; its columns have {sorted(sizes)} rows.")
        if not (np.isfinite(self.correct).all() and (self.total >= 0).all() and self.total.any()):
            raise BenchmarkError("a table of scores holds no answered prompt or a score that is no number.")

    @property
    def names(self) -> list[str]:
        """The tasks in the order of their first prompts."""
        return list(dict.fromkeys(self.tasks))

    @property
    def answered(self) -> Bool[np.ndarray, " p"]:
        """Prompts that have a score."""
        return self.total > 0

    def only(self, kept: Bool[np.ndarray, " p"]) -> Self:
        """The same table with some of its rows."""
        rows = np.flatnonzero(kept)
        prompts, tasks = tuple(self.prompts[row] for row in rows), tuple(self.tasks[row] for row in rows)
        return type(self)(prompts, tasks, self.correct[rows], self.total[rows])

    def rows(self, task: str) -> np.ndarray:
        """Indices of a task's prompts."""
        return np.flatnonzero(np.asarray(self.tasks) == task)


@dataclass(frozen=True)
class Estimate:
    """A mean over ``prompts`` prompts; the standard error is None for a single prompt."""

    value: float
    standard_error: float | None
    prompts: int


def task_estimates(table: ScoreTable) -> dict[str, Estimate]:
    """Mean of each task, Σc/Σt, with a standard error clustered by prompt.

    Images of one prompt are not independent; prompts are. SE² = n/(n−1) · Σ(cᵢ − r·tᵢ)² / (Σtᵢ)², the sandwich
    estimator of a ratio (Cochran 1977, Sampling Techniques, ch. 6; for evaluations: Miller 2024, arXiv 2411.00640).
    With equally many images per prompt it is the standard error of the mean of the prompts' means.
    """
    return {task: ratio(table.correct[rows], table.total[rows]) for task in table.names for rows in [table.rows(task)]}


def overall(estimates: Mapping[str, Estimate], weights: Mapping[str, float] | None = None) -> Estimate:
    """Weighted mean of task means, Σ w·m; SE² = Σ w²·SE², because tasks share no prompts.

    Args:
        estimates: by task.
        weights: by task, with sum 1; None: equal, as in GenEval.

    Raises:
        BenchmarkError: a task has no weight.
    """
    shares = task_weights(list(estimates), weights)
    parts = list(zip(shares, estimates.values(), strict=True))
    known = [share * estimate.standard_error for share, estimate in parts if estimate.standard_error is not None]
    return Estimate(
        sum(share * estimate.value for share, estimate in parts),
        math.hypot(*known) if len(known) == len(parts) else None,
        sum(estimate.prompts for _, estimate in parts),
    )


def task_weights(tasks: list[str], weights: Mapping[str, float] | None) -> list[float]:
    """Weight of each task. Raises BenchmarkError for a task without one."""
    if weights is None:
        return [1 / len(tasks)] * len(tasks)
    if missing := [task for task in tasks if task not in weights]:
        raise BenchmarkError(f"the task {missing[0]!r} has no weight in the overall score.")
    return [weights[task] for task in tasks]


def ratio(correct: Float[np.ndarray, " n"], total: Float[np.ndarray, " n"]) -> Estimate:
    """Σcorrect / Σtotal with its standard error, as in :func:`task_estimates`; without one if n is 1."""
    n = len(correct)
    value = float(correct.sum() / total.sum())
    if n < 2:
        return Estimate(value, None, n)
    residuals = correct - value * total
    return Estimate(value, float(np.sqrt(n / (n - 1) * (residuals**2).sum()) / total.sum()), n)
