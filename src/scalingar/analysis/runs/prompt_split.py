"""Dividing prompts: what is fitted on some is told of the others only."""

import numpy as np
from jaxtyping import Bool

from scalingar.analysis.runs.complete_run import TracedRun
from scalingar.core.errors import BenchmarkError


def fitting_images(run: TracedRun, seed: int) -> Bool[np.ndarray, " i"]:
    """The images of half of each task's prompts, drawn with a seed; the other half is for telling.

    Raises:
        BenchmarkError: the halves would be empty.
    """
    tasks = dict(zip(run.prompts, run.tasks, strict=True))
    rng = np.random.default_rng(seed)
    chosen: set[str] = set()
    for task in dict.fromkeys(tasks.values()):
        members = [key for key, one in tasks.items() if one == task]
        if len(members) < 2:
            raise BenchmarkError(f"{run.folder} has one prompt of the task {task!r}; fitting needs two of each.")
        chosen |= {members[place] for place in rng.permutation(len(members))[: len(members) // 2]}
    return np.array([key in chosen for key in run.prompts])
