"""Soft labels: prefixes of trajectories that were drawn already, completed again.

``python -m training.verifier.drawn.completions embedded``, after :mod:`training.verifier.drawn.collect` or
:mod:`training.verifier.drawn.outcomes`. Of each prompt that teaches, every trajectory's first quarter, half and three
quarters are completed; what a prefix is worth is the mean reward of all that begin with it.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from rich.progress import track
from torch import Tensor

from scalingar.analysis.prefixes.forks import Forked, arranged, means_by_length, setting_of
from scalingar.analysis.verifiers.lessons import FORKED
from scalingar.core.locks import sole_writer
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies.rivals.judged import step_at
from training.verifier.drawn.prompts import MODELS, examining, seeds
from training.verifier.drawn.stored import Outcomes
from training.workdir import add_work_dir, announce
from training.writing import replaced


def completions_of(work_dir: Path, model: str) -> Path:
    """Where the completions of a model's trajectories lie."""
    return work_dir / "verifier" / f"completions-{model}"


@dataclass(frozen=True)
class Soft:
    """``lengths``: of the prefixes, in steps. ``labels``: of ``p`` prompts' prefixes that are no longer than each of
    them, and last of longer ones. ``completions``: of each prefix, whose mean rewards they are.
    """

    lengths: Tensor
    labels: Float[Tensor, "p n l"]
    completions: int

    @classmethod
    def drawn(cls, work_dir: Path, model: str, outcomes: Outcomes) -> "Soft":
        """Of all prompts; those that examine keep their rewards.

        Raises SystemExit: a prompt that teaches has no completions, or its file does not fit what was drawn.
        """
        folder, numbers = completions_of(work_dir, model), teaching(len(outcomes))
        if lacking := [number for number in numbers if not path_of(folder, number).exists()]:
            raise SystemExit(
                f"{folder} lacks the completions of {len(lacking)} of {len(numbers)} prompts that teach, first of "
                f"number {lacking[0]}; run `python -m training.verifier.drawn.completions {model}` to its end"
            )
        kept = [read(folder, number, outcomes) for number in numbers]
        if len(found := {one.completions for one in kept}) > 1:
            raise SystemExit(f"{folder} mixes {' and '.join(map(str, sorted(found)))} completions; draw all anew")
        labels = outcomes.reward[..., None].repeat(1, 1, len(kept[0].lengths) + 1)
        labels[numbers] = torch.stack([one.labels for one in kept]).to(labels.dtype)
        return cls(kept[0].lengths, labels, kept[0].completions)

    def some(self, chosen: Bool[Tensor, " p"]) -> "Soft":
        """Some of the prompts."""
        return Soft(self.lengths, self.labels[chosen], self.completions)

    def of(self, prompts: Tensor, lengths: Tensor) -> Float[Tensor, "b n"]:
        """The labels of these prompts' prefixes of so many steps."""
        return self.labels[prompts, :, torch.searchsorted(self.lengths, lengths)]


@dataclass(frozen=True)
class Completed:
    """A prompt's file. ``labels``: of its trajectories' prefixes; all as of :class:`Soft`."""

    lengths: Tensor
    labels: Float[Tensor, "n l"]
    completions: int


def path_of(folder: Path, number: int) -> Path:
    """The file of a prompt."""
    return folder / f"{number:05d}.npz"


def read(folder: Path, number: int, outcomes: Outcomes) -> Completed:
    """A prompt's file. Raises SystemExit: it is of another prompt or of other trajectories than were drawn.

    Files of before do not tell their prompt.
    """
    path, prompt = path_of(folder, number), outcomes.prompts[number]
    with np.load(path) as file:
        labels, completions = torch.from_numpy(file["labels"]), int(file["completions"])
        of = len(labels), str(file["prompt"]) if "prompt" in file else prompt
        lengths = torch.from_numpy(file["lengths"])
    if of != (wanted := (outcomes.codes.shape[1], prompt)):
        raise SystemExit(
            f"{path} is of {of[0]} trajectories of {of[1]!r}, not {wanted[0]} of {prompt!r}; move {folder} away to "
            "draw others"
        )
    return Completed(lengths, labels, completions)


def teaching(count: int) -> list[int]:
    """Numbers of the prompts that teach, of so many."""
    return torch.nonzero(~examining(count)).flatten().tolist()


def missing(folder: Path, outcomes: Outcomes, completions: int) -> Iterator[tuple[Path, int]]:
    """Files that are not there yet of prompts that teach, and the prompt of each; all have so many completions."""
    for number in teaching(len(outcomes)):
        if not (path := path_of(folder, number)).exists():
            yield path, number
        elif (kept := read(folder, number, outcomes).completions) != completions:
            raise SystemExit(f"{path} is of {kept} completions, not {completions}; move {folder} away to draw others")


def fill(folder: Path, model: str, outcomes: Outcomes, completions: int) -> None:
    """Draw what is missing, with a progress bar."""
    pipe = ImagePipeline.from_pretrained(model)
    setting = setting_of(pipe)
    lengths = tuple(step_at(share, setting) for share in FORKED)
    count = outcomes.codes.shape[1]
    strategy = Forked(num_trajectories=count, completions=completions, lengths=lengths, reward="embedded")
    for path, number in track(list(missing(folder, outcomes, completions)), description="completing"):
        (seed,) = seeds(model, number, 1)
        prompt = outcomes.prompts[number]
        candidates = pipe(prompt, strategy=strategy, seed=seed, output_type="codes").candidates[0]
        same = all(
            torch.equal(one.codes.flatten(), drawn)
            for one, drawn in zip(candidates[:count], outcomes.codes[number], strict=True)
        )
        if not same:
            raise SystemExit(f"prompt {number} was drawn otherwise than now; draw its trajectories again")
        labels = means_by_length(arranged(candidates, strategy))
        with replaced(path) as file:
            np.savez(file, lengths=np.array(lengths), labels=labels, completions=completions, prompt=np.array(prompt))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--completions", type=int, default=3, help="of each prefix, its own trajectory among them")
    args = parser.parse_args()
    folder, outcomes = completions_of(args.work_dir, args.model), Outcomes.drawn(args)
    folder.mkdir(parents=True, exist_ok=True)
    with sole_writer(folder):
        fill(folder, args.model, outcomes, args.completions)
    announce(f"the completions are in {folder}")


if __name__ == "__main__":
    main()
