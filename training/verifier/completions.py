"""Soft labels: prefixes of trajectories that were drawn already, completed again.

``python -m training.verifier.completions embedded``, after :mod:`training.verifier.collect` or
:mod:`training.verifier.outcomes`. Of each prompt that teaches, every trajectory's first quarter, half and three
quarters are completed; what a prefix is worth is the mean reward of all that begin with it.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from scalingar.analysis.prefixes.forks import Forked, arranged, means_by_length, setting_of
from scalingar.analysis.verifiers.lessons import FORKED
from scalingar.core.files import replacing, sweep
from scalingar.core.locks import sole_writer
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies.rivals.judged import step_at
from training.verifier.collect import training_prompts
from training.verifier.latent_order import EVERY, MODELS, Outcomes
from training.verifier.ordering import completions_of
from training.workdir import add_work_dir, announce

FIRST_SEED = {"embedded": 7_000_000, "embedded-next-scale": 5_000_000}
"""Of the trajectories that are there."""


def missing(folder: Path, prompts: Sequence[str]) -> Iterator[tuple[Path, int]]:
    """Files that are not there yet of prompts that teach, and the prompt of each."""
    for number in range(len(prompts)):
        path = folder / f"{number:05d}.npz"
        if number % EVERY != EVERY - 1 and not path.exists():
            yield path, number


def fill(folder: Path, model: str, outcomes: Outcomes, completions: int) -> None:
    """Draw what is missing, with a progress bar."""
    pipe, prompts = ImagePipeline.from_pretrained(model), training_prompts(len(outcomes), outcomes.seed)
    setting = setting_of(pipe)
    lengths = tuple(step_at(share, setting) for share in FORKED)
    count = outcomes.codes.shape[1]
    strategy = Forked(num_trajectories=count, completions=completions, lengths=lengths, reward="embedded")
    for path, number in track(list(missing(folder, prompts)), description="completing"):
        seed = FIRST_SEED[model] + 100 * number
        candidates = pipe(prompts[number], strategy=strategy, seed=seed, output_type="codes").candidates[0]
        same = all(
            torch.equal(one.codes.flatten(), drawn)
            for one, drawn in zip(candidates[:count], outcomes.codes[number], strict=True)
        )
        if not same:
            raise SystemExit(f"prompt {number} was drawn otherwise than now; draw its trajectories again")
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(file, lengths=np.array(lengths), labels=means_by_length(arranged(candidates, strategy)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--completions", type=int, default=3, help="of each prefix, its own trajectory among them")
    args = parser.parse_args()
    folder, outcomes = completions_of(args.work_dir, args.model), Outcomes.drawn(args)
    folder.mkdir(parents=True, exist_ok=True)
    with sole_writer(folder):
        sweep(folder)
        fill(folder, args.model, outcomes, args.completions)
    announce(f"the completions are in {folder}")


if __name__ == "__main__":
    main()
