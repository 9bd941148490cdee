"""What heads that read pictures or codes are taught with: words of prompts, the order of trajectories, soft labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.models.embedded.grammar import word_ids

WORDS = 8
"""Terminals of a prompt that are read, as many as the embedded reward's."""


def words_of(prompts: Sequence[str]) -> Int[Tensor, "p w"]:
    """Terminals of each prompt, 0 where there are none."""
    return torch.stack([word_ids(prompt, WORDS) for prompt in prompts])


def loss_of(value: Float[Tensor, "p n"], reward: Float[Tensor, "p n"]) -> Tensor:
    """Log-loss of the order of a prompt's trajectories, weighed by how far apart they are; a little of the values."""
    ahead, wanted = value[:, :, None] - value[:, None], reward[:, :, None] - reward[:, None]
    order = (F.softplus(-ahead * wanted.sign()) * wanted.abs().clamp(max=3)).mean()
    return order + 0.1 * F.smooth_l1_loss(value, reward)


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
            raise SystemExit(f"{folder} holds no completions; run `python -m training.verifier.completions` first")
        return cls(lengths, labels)

    def some(self, chosen: Tensor) -> "Soft":
        """Some of the prompts."""
        return Soft(self.lengths, self.labels[chosen])

    def of(self, prompts: Tensor, lengths: Tensor) -> Float[Tensor, "b n"]:
        """The labels of these prompts' prefixes of so many steps."""
        return self.labels[prompts, :, torch.searchsorted(self.lengths, lengths)]
