"""Training of codebooks: k-means first, then moving averages, with dead codes replaced."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from scalingar.models.llamagen.vq import Codebook
from scalingar.models.var.multiscale_vq import ResidualQuantizer

DECAY = 0.99
DEAD = 0.03
"""A code is replaced if its moving average of uses per step falls below this."""


class MovingCodes:
    """Codes as moving averages of the latents assigned to them (VQ-VAE, appendix A.1)."""

    def __init__(self, weight: Tensor, *, seed: int) -> None:
        self.weight = weight.requires_grad_(False)
        self.generator = torch.Generator().manual_seed(seed)
        self.count = torch.ones(len(weight))
        self.total = weight.clone()

    @property
    def used(self) -> int:
        """Codes in use."""
        return int((self.count > DEAD).sum())

    def initialise(self, latents: Float[Tensor, "n d"]) -> None:
        """Start from k-means centres of the distinct latents, so that rare shapes get codes too."""
        distinct = torch.unique((latents * 64).round(), dim=0) / 64
        means = MiniBatchKMeans(len(self.count), n_init=1, random_state=0, batch_size=4096)
        self.total = torch.from_numpy(means.fit(distinct.numpy()).cluster_centers_).float()
        self.count = torch.ones(len(self.count))
        self.write()

    def move(self, flat: Float[Tensor, "n d"], assigned: Int[Tensor, " n"], error: Float[Tensor, " n"]) -> None:
        """Move codes towards the latents assigned to them, and dead codes to latents with a large ``error``."""
        count = torch.bincount(assigned, minlength=len(self.count)).float()
        total = torch.zeros_like(self.total).index_add_(0, assigned, flat)
        self.count.mul_(DECAY).add_(count, alpha=1 - DECAY)
        self.total.mul_(DECAY).add_(total, alpha=1 - DECAY)
        self._revive(flat, error)
        self.write()

    def _revive(self, flat: Float[Tensor, "n d"], error: Float[Tensor, " n"]) -> None:
        """Move at most eight dead codes to latents that are drawn in proportion to their error."""
        dead = (self.count < DEAD).nonzero().squeeze(-1)[:8]
        if len(dead):
            pick = torch.multinomial(error.clamp_min(1e-6), len(dead), generator=self.generator)
            self.count[dead] = 4 * DEAD
            self.total[dead] = flat[pick] * 4 * DEAD

    def write(self) -> None:
        """Copy the averages into the model."""
        self.weight.copy_(self.total / self.count[:, None])

    def state_dict(self) -> dict[str, Tensor]:
        return {"count": self.count, "total": self.total, "rng": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.count, self.total = state["count"], state["total"]
        self.generator.set_state(state["rng"])


class EmaCodebook(MovingCodes):
    """Unit-length codes of the next-token tokenizer."""

    def __init__(self, quantize: Codebook, *, seed: int) -> None:
        super().__init__(quantize.embedding.weight, seed=seed)
        self.quantize = quantize
        self.total = F.normalize(self.total, dim=-1)

    def update(self, z: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        """Assign a code to every latent, move the codes, and return the assigned ones from before the move."""
        flat = z.detach().movedim(1, -1).flatten(0, -2)
        similarity = flat @ self.quantize.codes.T
        best, assigned = similarity.max(-1)
        entry = F.embedding(assigned, self.quantize.codes).unflatten(0, (z.shape[0], *z.shape[2:]))
        self.move(flat, assigned, 1 - best)
        return entry.movedim(-1, 1)

    def write(self) -> None:
        self.weight.copy_(F.normalize(self.total, dim=-1))


class ResidualCodebook(MovingCodes):
    """Codes of the multi-scale tokenizer, not normalised, one set for the residuals of all scales."""

    def __init__(self, quantize: ResidualQuantizer, *, seed: int) -> None:
        super().__init__(quantize.embedding.weight, seed=seed)

    def update(self, residuals: Float[Tensor, "n t d"], codes: Int[Tensor, "n t 1"]) -> None:
        """Move every code towards the residuals assigned to it, over the tokens of all scales."""
        flat, assigned = residuals.flatten(0, 1), codes.flatten()
        self.move(flat, assigned, (flat - self.weight[assigned]).square().sum(-1))
