"""The codebook's own training: k-means to begin with, moving averages afterwards, dead codes replaced."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from scalingar.models.vq import Codebook

DECAY = 0.99
DEAD = 0.03
"""A code whose moving count of uses per step falls below this is replaced."""


class EmaCodebook:
    """Unit-length codes as moving averages of the latents assigned to them (VQ-VAE, appendix A.1)."""

    def __init__(self, quantize: Codebook, *, seed: int) -> None:
        self.quantize = quantize
        self.generator = torch.Generator().manual_seed(seed)
        weight = quantize.embedding.weight.requires_grad_(False)
        self.count = torch.ones(len(weight))
        self.total = F.normalize(weight, dim=-1).clone()

    @property
    def used(self) -> int:
        """Codes in use."""
        return int((self.count > DEAD).sum())

    def place(self, latents: Float[Tensor, "n d"]) -> None:
        """Start from k-means centres, rare shapes weighted up by dropping repeated latents."""
        distinct = torch.unique((latents * 64).round(), dim=0) / 64
        means = MiniBatchKMeans(len(self.count), n_init=1, random_state=0, batch_size=4096)
        centres = torch.from_numpy(means.fit(distinct.numpy()).cluster_centers_).float()
        self.total = F.normalize(centres, dim=-1)
        self.count = torch.ones(len(self.count))
        self._write()

    def update(self, z: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        """Assign, return the assigned codes, then move the codes towards their latents."""
        flat = z.detach().movedim(1, -1).flatten(0, -2)
        similarity = flat @ self.quantize.codes.T
        best, assigned = similarity.max(-1)
        entry = F.embedding(assigned, self.quantize.codes).unflatten(0, (z.shape[0], *z.shape[2:]))
        count = torch.bincount(assigned, minlength=len(self.count)).float()
        total = torch.zeros_like(self.total).index_add_(0, assigned, flat)
        self.count.mul_(DECAY).add_(count, alpha=1 - DECAY)
        self.total.mul_(DECAY).add_(total, alpha=1 - DECAY)
        self._revive(flat, 1 - best)
        self._write()
        return entry.movedim(-1, 1)

    def _revive(self, flat: Float[Tensor, "n d"], error: Float[Tensor, " n"]) -> None:
        """Give dead codes the latents that are served worst, at most a few a step."""
        dead = (self.count < DEAD).nonzero().squeeze(-1)[:8]
        if len(dead):
            pick = torch.multinomial(error.clamp_min(1e-6), len(dead), generator=self.generator)
            self.count[dead] = 4 * DEAD
            self.total[dead] = flat[pick] * 4 * DEAD

    def _write(self) -> None:
        self.quantize.embedding.weight.copy_(F.normalize(self.total, dim=-1))

    def state_dict(self) -> dict[str, Tensor]:
        return {"count": self.count, "total": self.total, "rng": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.count, self.total = state["count"], state["total"]
        self.generator.set_state(state["rng"])
