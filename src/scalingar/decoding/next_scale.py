"""Decoding one scale at a time: draw all codes of a scale at once, add them to the latent, feed it back."""

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.decoding_kind import Decoding
from scalingar.core.device.transfer import to_device
from scalingar.core.errors import ConfigError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.contracts import NO_STATES, NextScaleModel, ScaleTokenizer, TellsScaleStates
from scalingar.decoding.frontier import Frontier
from scalingar.decoding.noise import Noise
from scalingar.decoding.sampling import draw, filter_logits
from scalingar.decoding.trajectories import ScaleTrajectories
from scalingar.profile.statistics.device_statistics import DeviceStatistics
from scalingar.profile.statistics.guidance import Scale, guide


@dataclass(frozen=True, kw_only=True)
class NextScaleDecoder:
    """Decodes trajectories of a next-scale model, without any knowledge of confidence, rewards or pruning.

    Raises:
        ConfigError: a guidance interval, which counts codes drawn one by one.
    """

    decoding: ClassVar[Decoding] = "next-scale"
    preview: ClassVar[tuple[int, int] | None] = None

    model: NextScaleModel
    tokenizer: ScaleTokenizer
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    def __post_init__(self) -> None:
        if self.sampling.guidance_interval >= 0:
            raise ConfigError(
                f"sampling.guidance_interval={self.sampling.guidance_interval} counts the codes of a next-token model; "
                "leave it at -1 for a next-scale model."
            )

    @property
    def groups(self) -> int:
        """Codes per token."""
        return self.model.groups

    @property
    def scales(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of every scale's token grid, coarse to fine."""
        return self.model.scales

    @property
    def grid(self) -> tuple[int, int]:
        """The last scale's grid."""
        return self.model.scales[-1]

    @property
    def vocab_size(self) -> int:
        """Values of a code, V."""
        return self.model.values

    @torch.inference_mode()
    def start(
        self, condition: Any, indices: list[list[int]], noise: Noise, *, branches: int, states: bool = False
    ) -> ScaleTrajectories:
        """Trajectories ``indices[i]`` of prompt ``i``, all before their first code; scale 0 runs once per prompt.

        ``branches``: 1; 2 with guidance. ``states``: keep the hidden states of each scale.
        Raises ConfigError where the model does not tell them, and for a branch of a second prompt.
        """
        if branches > 2:
            raise ConfigError("a second prompt guides next-token models, and this model is next-scale; leave it out.")
        guided = branches > 1
        prompts = torch.tensor([p for p, group in enumerate(indices) for _ in group])
        cache = self.model.prefill(condition, guided=guided)
        logits, hidden = self._logits(None, 0, cache, states=states)
        rows = to_device(prompts, logits.device)
        count = len(indices)
        taken = torch.cat([rows, rows + count]) if guided else rows
        ends = tuple(accumulate(h * w * self.model.groups for h, w in self.model.scales))
        return ScaleTrajectories(
            prompts=prompts,
            indices=torch.tensor([i for group in indices for i in group]),
            positions=torch.zeros(len(rows), dtype=torch.long),
            codes=torch.zeros(len(rows), ends[-1], dtype=torch.long, device=logits.device),
            logits=logits.index_select(0, taken),
            cache=cache.select(taken),
            noise=noise,
            states=None if hidden is None else hidden[rows],
            ends=ends,
            latent=self.tokenizer.start(len(rows), logits.device),
        )

    @torch.inference_mode()
    def draw(self, frontier: Frontier, guidance_scale: Scale) -> Int[Tensor, "n l g"]:
        """All codes of the next scale, from logits guided at the model's scale for it."""
        strength = self.scale_at(frontier.positions, guidance_scale)
        logits = guide(frontier.branches, frontier.scale_for(strength))
        flat = filter_logits(logits.flatten(0, -2), self.sampling)
        noise = None
        if not self.sampling.greedy:
            size = logits[0].numel()
            noise = frontier.noise.exponential(frontier.positions, size, logits.device).view_as(flat)
        return draw(flat, noise).view(logits.shape[:-1])

    def scale_at(self, positions: Int[Tensor, " n"], guidance_scale: Scale) -> Scale:
        """The effective guidance scale at the rows' current scale; a single number if all rows share it."""
        scale, base = int(positions[0]), np.asarray(guidance_scale).ravel()
        if (base == base[0]).all():
            return self.model.guidance_at(scale, float(base[0]))
        return np.array([self.model.guidance_at(scale, value) for value in base.tolist()])

    def may_run_ahead(self, trajectories: ScaleTrajectories) -> bool:
        """Never: a scale is many codes, beside which a call costs little."""
        return False

    def run_ahead(
        self, trajectories: ScaleTrajectories, guidance_scale: Scale, statistics: DeviceStatistics
    ) -> Float[Tensor, "6 n"]:
        """Not supported, see :meth:`may_run_ahead`."""
        raise NotImplementedError

    @torch.inference_mode()
    def append(self, trajectories: ScaleTrajectories, codes: Int[Tensor, "n l g"]) -> ScaleTrajectories:
        """Record the codes of the next scale and add them to the latents, which can then be decoded to pixels."""
        scale = int(trajectories.positions[0])
        trajectories.latent = self.tokenizer.accumulate(trajectories.latent, codes, scale)
        return trajectories.append(codes)

    @torch.inference_mode()
    def advance(self, trajectories: ScaleTrajectories) -> ScaleTrajectories:
        """Feed the latents and compute the logits of the next scale; no row may be finished."""
        scale = int(trajectories.positions[0])
        features = self.tokenizer.features(trajectories.latent, scale)
        asked = trajectories.states is not None
        trajectories.logits, hidden = self._logits(features, scale, trajectories.cache, states=asked)
        trajectories.states = None if hidden is None else hidden[: len(trajectories)]
        return trajectories

    def _logits(
        self, features: Float[Tensor, "n l d"] | None, scale: int, cache: Any, *, states: bool
    ) -> tuple[Float[Tensor, "b l g v"], Float[Tensor, "b e"] | None]:
        """A step of the model; where asked with its hidden states."""
        if not states:
            return self.model.step(features, scale, cache), None
        if not isinstance(self.model, TellsScaleStates):
            raise ConfigError(NO_STATES.format(type(self.model).__name__))
        return self.model.step_with_states(features, scale, cache)

    @torch.inference_mode()
    def rewind(self, trajectories: ScaleTrajectories, position: int) -> ScaleTrajectories:
        """Reset all rows to ``position`` drawn scales, at least one; :meth:`advance` then gives the next logits."""
        trajectories.cache.rewind(position)
        trajectories.positions = torch.full_like(trajectories.positions, position)
        end = trajectories.codes_until(position)
        trajectories.codes[:, end:] = 0
        trajectories.latent = self.latent(trajectories.codes[:, :end].unflatten(1, (-1, self.model.groups)))
        return trajectories

    def tokens_at(self, step: int) -> int:
        """Tokens that a row draws in one step."""
        height, width = self.model.scales[step]
        return height * width

    @torch.inference_mode()
    def vectors(self, codes: Int[Tensor, "n l g"]) -> Float[Tensor, "n l e"]:
        """The code vector of every token, from codes on any device."""
        return self.tokenizer.vectors(to_device(codes, self.model.device))

    def pictures(self, codes: list[Int[Tensor, "t g"]], prompts: list[str] | None = None) -> Float[Tensor, "m 3 H W"]:
        """RGB in [-1, 1] of several images' codes, complete or all of the same first scales, on any device."""
        return self.pixels(self.latent(torch.stack(codes)))

    @property
    def tells_latents(self) -> bool:
        """Whether :meth:`latent` can be asked."""
        return True

    @torch.inference_mode()
    def latent(self, codes: Int[Tensor, "n t g"]) -> Float[Tensor, "n d h w"]:
        """The latent of images from their codes, complete or of the first scales, on any device.

        Raises:
            ConfigError: the codes do not end where a scale does.
        """
        codes = to_device(codes, self.model.device)
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
