"""Decoding one code at a time: prefill once, fork, then draw and feed."""

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Int
from torch import Tensor

from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.contracts import NextTokenModel
from scalingar.decoding.guidance import Scale, guide
from scalingar.decoding.noise import Noise
from scalingar.decoding.sampling import draw, filter_logits
from scalingar.decoding.trajectories import Trajectories

ConditionT = TypeVar("ConditionT")


@dataclass(frozen=True, kw_only=True)
class NextTokenDecoder:
    """Decodes trajectories of a next-token model; knows nothing of confidence, rewards or which rows should live."""

    model: NextTokenModel
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    @torch.inference_mode()
    def start(self, condition: Any, indices: list[list[int]], noise: Noise, *, guided: bool) -> Trajectories:
        """Trajectories ``indices[i]`` of prompt ``i``, all before their first code; each prompt is prefilled once."""
        prompts = torch.tensor([p for p, some in enumerate(indices) for _ in some])
        logits, cache = self.model.prefill(condition, guided=guided)
        rows = prompts.to(logits.device)
        count = len(indices)
        branches = torch.cat([rows, rows + count]) if guided else rows
        height, width = self.model.grid
        return Trajectories(
            prompts=prompts,
            indices=torch.tensor([i for some in indices for i in some]),
            positions=torch.zeros(len(rows), dtype=torch.long),
            codes=torch.zeros(len(rows), height * width, dtype=torch.long, device=logits.device),
            logits=logits[branches],
            cache=cache.select(branches),
            noise=noise,
        )

    @torch.inference_mode()
    def draw(self, trajectories: Trajectories, guidance_scale: Scale) -> Int[Tensor, " n"]:
        """The next code of every row, from logits guided at ``guidance_scale``."""
        scale = self.scale_at(trajectories.positions, guidance_scale)
        logits = guide(trajectories.conditional, trajectories.unconditional, scale)
        logits = filter_logits(logits, self.sampling)
        if self.sampling.greedy:
            return draw(logits, None)
        positions = trajectories.positions
        noise = trajectories.noise.exponential(positions, logits.shape[-1], logits.device)
        return draw(logits, noise)

    def scale_at(self, positions: Int[Tensor, " n"], guidance_scale: Scale) -> Scale:
        """The guidance scale that acts on code number ``positions``: 1 beyond the sampling's guidance interval."""
        interval = self.sampling.guidance_interval
        if interval < 0:
            return guidance_scale
        scale = torch.as_tensor(guidance_scale, dtype=torch.float32)
        # As LlamaGen counts: code j comes from feeding code j - 1.
        return torch.where((positions - 1 <= interval).to(scale.device), scale, 1.0)

    @torch.inference_mode()
    def advance(self, trajectories: Trajectories) -> Trajectories:
        """Feed the last code of every row and compute the logits of the next; no row may be finished."""
        at = trajectories.positions - 1
        last = trajectories.codes.gather(1, at.to(trajectories.codes.device)[:, None])[:, 0]
        if trajectories.guided:
            last, at = torch.cat([last, last]), torch.cat([at, at])
        return replace(trajectories, logits=self.model.step(last, at, trajectories.cache))
