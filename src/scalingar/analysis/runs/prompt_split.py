"""Splitting prompts in halves: a rule is fitted on one half and evaluated on the other."""

import numpy as np
from jaxtyping import Bool

from scalingar.analysis.runs.complete_run import TracedRun
from scalingar.core.errors import BenchmarkError


def fitting_images(run: TracedRun, seed: int) -> Bool[np.ndarray, " i"]:
    """Mask of the images to fit on: those of a random half of each task's prompts.

    Raises:
        BenchmarkError: a task has only one prompt.
    """
    tasks = dict(zip(run.prompts, run.tasks, strict=True))
    rng = np.random.default_rng(seed)
    chosen: set[str] = set()
    for task in dict.fromkeys(tasks.values()):
        members = [key for key, task_of_key in tasks.items() if task_of_key == task]
        if len(members) < 2:
            raise BenchmarkError(f"{run.folder} has one prompt of the task {task!r}; fitting needs two of each.")
        chosen |= {members[index] for index in rng.permutation(len(members))[: len(members) // 2]}
    return np.array([key in chosen for key in run.prompts])
