"""A draw and all that follows from it until the next, as one function of tensors."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.decoding.sampling import Draw
from scalingar.profile.statistics.device_statistics import DeviceStatistics, drawn_log_p


@dataclass(frozen=True)
class Ahead:
    """Draws, feeds the codes and computes the statistics of the next logits: one call of a device for a whole step.

    ``step``: logits from codes and positions of all branches.
    """

    draw: Draw
    statistics: DeviceStatistics
    step: Callable[[Tensor, Tensor], Tensor]

    def __call__(
        self,
        logits: Float[Tensor, "c n v"],
        scale: Float[Tensor, "*p n"],
        next_scale: Float[Tensor, "*p n"],
        positions: Int[Tensor, " n"],
        *noise: Tensor,
    ) -> tuple[Int[Tensor, " n"], Float[Tensor, "6 n"], Float[Tensor, "b v"]]:
        """Codes; the numbers of :class:`DeviceStatistics` and of :func:`drawn_log_p`; the next logits.

        ``scale``: guidance of the draw; ``next_scale``: of the statistics. ``noise``: see :class:`Draw`.
        """
        branches = len(logits)
        codes = self.draw(logits, scale, *noise)
        following = self.step(codes.repeat(branches), positions.repeat(branches))
        numbers = self.statistics(following.view(logits.shape), next_scale)
        return codes, torch.cat([numbers, drawn_log_p(logits, codes)]), following
