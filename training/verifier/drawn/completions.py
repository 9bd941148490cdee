"""Soft labels: prefixes of trajectories that were drawn already, completed again.

``python -m training.verifier.drawn.completions embedded``, after :mod:`training.verifier.drawn.collect` or
:mod:`training.verifier.drawn.outcomes`. Of each prompt that teaches, every trajectory's first quarter, half and three
quarters are completed; what a prefix is worth is the mean reward of all that begin with it.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from rich.progress import track
from torch import Tensor

from scalingar.analysis.prefixes.forks import Forked, arranged, means_by_length, setting_of
from scalingar.analysis.verifiers.lessons import FORKED
from scalingar.core.files import replacing, sweep
from scalingar.core.locks import sole_writer
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies.rivals.judged import step_at
from training.verifier.drawn.prompts import MODELS, examining, seeds, training_prompts
from training.verifier.drawn.stored import Outcomes
from training.workdir import add_work_dir, announce


def completions_of(work_dir: Path, model: str) -> Path:
    """Where the completions of a model's trajectories lie."""
    return work_dir / "verifier" / f"completions-{model}"


@dataclass(frozen=True)
class Soft:
    """``lengths``: of the prefixes, in steps. ``labels``: of ``p`` prompts' prefixes that are no longer than each of
    them, and last of longer ones.
    """

    lengths: Tensor
    labels: Float[Tensor, "p n l"]

    @classmethod
    def drawn(cls, folder: Path, reward: Float[Tensor, "p n"]) -> "Soft":
        """Of all prompts; those that examine keep their rewards."""
        labels = reward[..., None]
        lengths = torch.tensor([], dtype=torch.long)
        for path in sorted(folder.glob("*.npz")):
            with np.load(path) as stored:
                lengths = torch.from_numpy(stored["lengths"])
                labels = labels.expand(-1, -1, len(lengths) + 1).clone() if labels.shape[2] == 1 else labels
                labels[int(path.stem)] = torch.from_numpy(stored["labels"])
        if not len(lengths):
            raise SystemExit(f"no completions in {folder}; run `python -m training.verifier.drawn.completions` first")
        return cls(lengths, labels)

    def some(self, chosen: Bool[Tensor, " p"]) -> "Soft":
        """Some of the prompts."""
        return Soft(self.lengths, self.labels[chosen])

    def of(self, prompts: Tensor, lengths: Tensor) -> Float[Tensor, "b n"]:
        """The labels of these prompts' prefixes of so many steps."""
        return self.labels[prompts, :, torch.searchsorted(self.lengths, lengths)]


def missing(folder: Path, prompts: Sequence[str], completions: int) -> Iterator[tuple[Path, int]]:
    """Files that are not there yet of prompts that teach, and the prompt of each; all have so many completions."""
    for number in torch.nonzero(~examining(len(prompts))).flatten().tolist():
        if not (path := folder / f"{number:05d}.npz").exists():
            yield path, number
        elif (kept := int(np.load(path)["completions"])) != completions:
            raise SystemExit(f"{path} is of {kept} completions, not {completions}; move {folder} away to draw others")


def fill(folder: Path, model: str, outcomes: Outcomes, completions: int) -> None:
    """Draw what is missing, with a progress bar."""
    pipe, prompts = ImagePipeline.from_pretrained(model), training_prompts(len(outcomes), outcomes.seed)
    setting = setting_of(pipe)
    lengths = tuple(step_at(share, setting) for share in FORKED)
    count = outcomes.codes.shape[1]
    strategy = Forked(num_trajectories=count, completions=completions, lengths=lengths, reward="embedded")
    for path, number in track(list(missing(folder, prompts, completions)), description="completing"):
        (seed,) = seeds(model, number, 1)
        candidates = pipe(prompts[number], strategy=strategy, seed=seed, output_type="codes").candidates[0]
        same = all(
            torch.equal(one.codes.flatten(), drawn)
            for one, drawn in zip(candidates[:count], outcomes.codes[number], strict=True)
        )
        if not same:
            raise SystemExit(f"prompt {number} was drawn otherwise than now; draw its trajectories again")
        with replacing(path) as partial, partial.open("wb") as file:
            labels = means_by_length(arranged(candidates, strategy))
            np.savez(file, lengths=np.array(lengths), labels=labels, completions=completions)


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
