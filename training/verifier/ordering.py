"""What heads that read pictures or codes are taught with: the words of prompts, and the order of their trajectories."""

from collections.abc import Sequence

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
