"""What heads that read pictures or codes are taught with: the order of trajectories."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def loss_of(value: Float[Tensor, "p n"], reward: Float[Tensor, "p n"]) -> Tensor:
    """Log-loss of the order of a prompt's trajectories, weighed by how far apart they are; a little of the values."""
    ahead, wanted = value[:, :, None] - value[:, None], reward[:, :, None] - reward[:, None]
    order = (F.softplus(-ahead * wanted.sign()) * wanted.abs().clamp(max=3)).mean()
    return order + 0.1 * F.smooth_l1_loss(value, reward)
