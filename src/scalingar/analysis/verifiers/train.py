"""Training a verifier for a model: draw, teach, examine on prompts that were held out, save."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from scalingar.analysis.drawing.kept_parts import Bar
from scalingar.analysis.verifiers.examination import report, stops
from scalingar.analysis.verifiers.lessons import Plan, collect, sha256_of
from scalingar.analysis.verifiers.teaching import STEPS, teach, values_at
from scalingar.bench.benchmarks.geneval.prompts import official_prompts
from scalingar.core.errors import ConfigError
from scalingar.core.files import check_empty, results_in
from scalingar.core.locks import sole_writer
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.rewards.verifiers import VERSION, Verifier, VerifierInfo

HELD_OUT = 4
"""One prompt of so many only examines."""
LEAST_PROMPTS = 2 * HELD_OUT
LESSONS = "lessons"
"""Folder of what is drawn, in that of the verifier; while it is there, a training of the same plan goes on."""


def train_verifier(
    pipe: ImagePipeline, plan: Plan, folder: Path, bar: Callable[[str], Bar], *, steps: int = STEPS
) -> Verifier:
    """Leave a verifier of the pipeline's model in ``folder``; what a killed run drew is there and not drawn again.

    ``bar``: a bar by what it counts. The states lie in ``folder/lessons``.

    Raises:
        ConfigError: prompts that are too few, there twice, or GenEval's; a model without states; a reward that fails.
        OutputError: the folder cannot be written, is of another training, or holds something else.
    """
    check_prompts(plan.prompts)
    with results_in(folder), sole_writer(folder):
        if not (folder / LESSONS).is_dir():
            check_empty(folder, "verifier")
        lessons = collect(pipe, plan, folder / LESSONS, bar("drawing"))
        held = np.arange(len(plan.prompts)) % HELD_OUT == HELD_OUT - 1
        head = teach(lessons, np.flatnonzero(~held).tolist(), bar("teaching"), seed=plan.seed, steps=steps)
        at = stops(lessons.config.steps)
        values, confidence = values_at(head, lessons, at)[held], lessons.confidence[held][:, :, at]
        info = VerifierInfo(
            version=VERSION,
            model=pipe.name,
            weights=pipe.hashes,
            label=plan.reward,
            prompts_sha256=sha256_of(plan.prompts),
            trajectories=plan.trajectories,
            completions=plan.completions,
            report=report(values, confidence, lessons.reward[held]),
        )
        verifier = Verifier(head, info)
        verifier.save(folder)
    return verifier


def check_prompts(prompts: Sequence[str]) -> None:
    """Raises ConfigError for prompts that cannot teach, or that methods are measured by."""
    if len(prompts) < LEAST_PROMPTS:
        raise ConfigError(
            f"the prompts are too few ({len(prompts)}), as every fourth is held out; give at least {LEAST_PROMPTS}, "
            "better some hundreds."
        )
    for number, prompt in enumerate(prompts):
        if prompt in prompts[:number]:
            raise ConfigError(f"the prompt {prompt!r} is there twice; leave one of them out.")
    if measured := {metadata.prompt for metadata in official_prompts()} & set(prompts):
        raise ConfigError(
            f"the prompt {min(measured)!r} is GenEval's, by which methods are measured; train with others."
        )
