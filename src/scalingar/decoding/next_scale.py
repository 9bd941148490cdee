"""Decoding one scale at a time: draw all codes of a scale at once, add them to the latent, feed it back."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.contracts import NextScaleModel, ScaleTokenizer
from scalingar.decoding.guidance import guide
from scalingar.decoding.noise import Noise
from scalingar.decoding.sampling import draw, filter_logits
from scalingar.decoding.trajectories import Trajectories

ConditionT = TypeVar("ConditionT")


@dataclass(frozen=True, kw_only=True)
class NextScaleDecoder:
    """Decodes trajectories of a next-scale model; knows nothing of confidence, rewards or which rows should live.

    Raises:
        ConfigError: a guidance interval, which counts codes drawn one by one.
    """

    model: NextScaleModel
    tokenizer: ScaleTokenizer
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    def __post_init__(self) -> None:
        if self.sampling.guidance_interval >= 0:
            raise ConfigError(
                f"sampling.guidance_interval={self.sampling.guidance_interval} counts the codes of a next-token model; "
                "leave it at -1 for a next-scale model."
            )

    @torch.inference_mode()
    def start(self, condition: Any, indices: Sequence[Sequence[int]], noise: Noise, *, guided: bool) -> Trajectories:
        """Trajectories ``indices[i]`` of prompt ``i``, all before their first code; scale 0 runs once per prompt."""
        prompts = torch.tensor([p for p, some in enumerate(indices) for _ in some])
        cache = self.model.prefill(condition, guided=guided)
        logits = self.model.step(None, 0, cache)
        rows = prompts.to(logits.device)
        count = len(indices)
        branches = torch.cat([rows, rows + count]) if guided else rows
        ends = tuple(accumulate(h * w * self.model.groups for h, w in self.model.scales))
        return Trajectories(
            prompts=prompts,
            indices=torch.tensor([i for some in indices for i in some]),
            positions=torch.zeros(len(rows), dtype=torch.long),
            codes=torch.zeros(len(rows), ends[-1], dtype=torch.long, device=logits.device),
            logits=logits[branches],
            cache=cache.select(branches),
            noise=noise,
            ends=ends,
            latent=self.tokenizer.start(len(rows), logits.device),
        )

    @torch.inference_mode()
    def draw(self, trajectories: Trajectories, guidance_scale: float) -> Int[Tensor, "n l g"]:
        """All codes of the next scale, from logits guided as the model does it there."""
        scale = int(trajectories.positions[0])
        strength = self.model.guidance_at(scale, guidance_scale)
        logits = guide(trajectories.conditional, trajectories.unconditional, strength)
        flat = filter_logits(logits.flatten(0, -2), self.sampling)
        noise = None
        if not self.sampling.greedy:
            size = logits[0].numel()
            noise = trajectories.noise.exponential(trajectories.positions, size, logits.device).view_as(flat)
        return draw(flat, noise).view(logits.shape[:-1])

    @torch.inference_mode()
    def append(self, trajectories: Trajectories, codes: Int[Tensor, "n l g"]) -> Trajectories:
        """Record the codes of the next scale and add them to the latents, which can then be decoded to pixels."""
        assert trajectories.latent is not None
        scale = int(trajectories.positions[0])
        return trajectories.append_scale(codes, self.tokenizer.accumulate(trajectories.latent, codes, scale))

    @torch.inference_mode()
    def advance(self, trajectories: Trajectories) -> Trajectories:
        """Feed the latents and compute the logits of the next scale; no row may be finished."""
        assert trajectories.latent is not None
        scale = int(trajectories.positions[0])
        features = self.tokenizer.features(trajectories.latent, scale)
        return replace(trajectories, logits=self.model.step(features, scale, trajectories.cache))

    @torch.inference_mode()
    def latent(self, codes: Int[Tensor, "n t g"]) -> Float[Tensor, "n d h w"]:
        """The latent of images given by all their codes, on any device, or by those of their first scales.

        Raises:
            ConfigError: the codes do not end where a scale does.
        """
        codes = codes.to(self.model.device)
        latent = self.tokenizer.start(len(codes), codes.device)
        done = 0
        for scale, (height, width) in enumerate(self.model.scales):
            if done == codes.shape[1]:
                break
            part = codes[:, done : done + height * width]
            if part.shape[1] < height * width:
                raise ConfigError(f"{codes.shape[1]} tokens do not end with a scale of {self.model.scales}.")
            latent = self.tokenizer.accumulate(latent, part, scale)
            done += height * width
        return latent

    @torch.inference_mode()
    def pixels(self, latent: Float[Tensor, "n d h w"]) -> Float[Tensor, "n 3 H W"]:
        """RGB in [-1, 1] of latents, complete or not."""
        return self.tokenizer.decode(latent).clamp(-1, 1)
