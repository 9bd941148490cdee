"""Decoding one code at a time: prefill once, fork, then draw and feed."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.decoding_kind import Decoding
from scalingar.core.device.transfer import to_device
from scalingar.core.errors import ConfigError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.ahead import Ahead
from scalingar.decoding.contracts import (
    NO_STATES,
    DrawsPreview,
    ImageTokenizer,
    NextTokenModel,
    ReadsPrompts,
    TellsTokenStates,
    TellsVectors,
)
from scalingar.decoding.device_noise import DeviceNoise
from scalingar.decoding.frontier import Frontier
from scalingar.decoding.noise import Noise
from scalingar.decoding.sampling import Draw, draw, filter_logits
from scalingar.decoding.trajectories import Trajectories
from scalingar.profile.statistics.device_statistics import DeviceStatistics
from scalingar.profile.statistics.guidance import Scale, guide


@dataclass(frozen=True, kw_only=True)
class NextTokenDecoder:
    """Decodes trajectories of a next-token model, without any knowledge of confidence, rewards or pruning."""

    decoding: ClassVar[Decoding] = "next-token"
    groups: ClassVar[int] = 0
    """Codes per token; 0: a token is a single code without an axis of its own."""
    scales: ClassVar[tuple[tuple[int, int], ...]] = ()

    model: NextTokenModel
    tokenizer: ImageTokenizer | None = None
    """None where no images are decoded."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of codes."""
        return self.model.grid

    @property
    def preview(self) -> tuple[int, int] | None:
        """Rows and columns of the codes that are drawn before those of the grid; None: there are none."""
        return self.model.preview if isinstance(self.model, DrawsPreview) else None

    @property
    def preview_steps(self) -> int:
        """Codes of the preview; 0 without one."""
        return 0 if self.preview is None else self.preview[0] * self.preview[1]

    @property
    def vocab_size(self) -> int:
        """Image codes V."""
        return self.model.vocab_size

    @torch.inference_mode()
    def start(
        self, condition: Any, indices: list[list[int]], noise: Noise, *, branches: int, states: bool = False
    ) -> Trajectories:
        """Trajectories ``indices[i]`` of prompt ``i``, all before their first code; each prompt is prefilled once.

        ``branches``: 1; 2 with guidance; 3 with a second prompt, whose conditions follow all first ones: they are run
        together, so that they stand beside each other whatever their lengths, and their unconditional rows are dropped.
        ``states``: keep the hidden states of each step. Raises ConfigError where the model does not tell them.
        """
        guided = branches > 1
        prompts = torch.tensor([p for p, group in enumerate(indices) for _ in group])
        hidden = None
        if states:
            logits, hidden, cache = self._telling.prefill_with_states(condition, guided=guided)
        else:
            logits, cache = self.model.prefill(condition, guided=guided)
        rows = to_device(prompts, logits.device)
        count = len(indices)
        firsts = [0, count] if branches < 3 else [0, 2 * count, count]
        taken = torch.cat([rows + first for first in firsts[:branches]])
        height, width = self.model.grid
        return Trajectories(
            prompts=prompts,
            indices=torch.tensor([i for group in indices for i in group]),
            positions=torch.zeros(len(rows), dtype=torch.long),
            codes=torch.zeros(len(rows), self.preview_steps + height * width, dtype=torch.long, device=logits.device),
            logits=logits[taken],
            cache=cache.select(taken),
            noise=noise,
            states=None if hidden is None else hidden[rows],
        )

    @torch.inference_mode()
    def draw(self, frontier: Frontier, guidance_scale: Scale) -> Int[Tensor, " n"]:
        """The next code of every row, from logits guided at ``guidance_scale``."""
        scale = self.scale_at(frontier.positions, guidance_scale)
        if frontier.deferred:
            return self._draw_on_device(frontier, scale)
        logits = guide(frontier.branches, frontier.scale_for(scale))
        logits = filter_logits(logits, self.sampling)
        if self.sampling.greedy:
            return draw(logits, None)
        positions = frontier.positions
        noise = frontier.noise.exponential(positions, logits.shape[-1], logits.device)
        return draw(logits, noise)

    def _draw_on_device(self, frontier: Frontier, scale: Scale) -> Int[Tensor, " n"]:
        inputs = frontier.branches, frontier.per_row(scale), *self._noise(frontier)
        codes: Tensor = frontier.run(Draw(self.sampling), *inputs)
        return codes

    def _noise(self, frontier: Frontier) -> tuple[Tensor, ...]:
        """What :class:`Draw` takes of it."""
        device, noise = frontier.logits.device, frontier.noise
        if self.sampling.greedy:
            return ()
        if isinstance(noise, DeviceNoise) and not noise.greedy.any():
            return noise.device_keys(device), frontier.device_positions
        return (noise.exponential(frontier.positions, self.vocab_size, device),)

    def may_run_ahead(self, trajectories: Trajectories) -> bool:
        """Whether the next step can be one call of the device: its functions are captured, and no image ends.

        Nor are hidden states to be kept.
        """
        if trajectories.states is not None:
            return False
        return trajectories.captured and int(trajectories.positions.max()) + 1 < trajectories.total_steps

    @torch.inference_mode()
    def run_ahead(
        self, trajectories: Trajectories, guidance_scale: Scale, statistics: DeviceStatistics
    ) -> Float[Tensor, "6 n"]:
        """Draw, append and advance; see :class:`Ahead` for the numbers, which the next call overwrites."""
        positions, scale = trajectories.positions, self.scale_at(trajectories.positions, guidance_scale)
        following = scale if self.sampling.guidance_interval < 0 else self.scale_at(positions + 1, guidance_scale)
        codes, numbers, logits = trajectories.run(
            Ahead(Draw(self.sampling), statistics, trajectories.cache.step_function),
            trajectories.branches,
            trajectories.per_row(scale),
            trajectories.per_row(following),
            trajectories.device_positions,
            *self._noise(trajectories),
        )
        trajectories.append(codes)
        trajectories.cache.fed()
        trajectories.logits = logits
        return numbers

    def scale_at(self, positions: Int[Tensor, " n"], guidance_scale: Scale) -> Scale:
        """The guidance scale that acts on code number ``positions``: 1 beyond the sampling's guidance interval."""
        interval = self.sampling.guidance_interval
        if interval < 0:
            return guidance_scale
        scale = torch.as_tensor(guidance_scale, dtype=torch.float32)
        # As LlamaGen counts: code j comes from feeding code j - 1.
        return torch.where(to_device(positions - 1 <= interval, scale.device), scale, 1.0)

    def append(self, trajectories: Trajectories, codes: Int[Tensor, " n"]) -> Trajectories:
        """Record the next code of every row."""
        return trajectories.append(codes)

    @torch.inference_mode()
    def advance(self, trajectories: Trajectories) -> Trajectories:
        """Feed the last code of every row and compute the logits of the next; no row may be finished."""
        fed = trajectories.device_positions - 1
        last = trajectories.codes.gather(1, fed[:, None])[:, 0]
        positions = fed if trajectories.captured else trajectories.positions - 1
        branches = len(trajectories.branches)
        last, positions = last.repeat(branches), positions.repeat(branches)
        if trajectories.states is None:
            trajectories.logits = self.model.step(last, positions, trajectories.cache)
            return trajectories
        logits, hidden = self._telling.step_with_states(last, positions, trajectories.cache)
        trajectories.logits, trajectories.states = logits, hidden[: len(trajectories)]
        return trajectories

    @property
    def _telling(self) -> TellsTokenStates:
        """The model. Raises ConfigError where it tells no hidden states."""
        if not isinstance(self.model, TellsTokenStates):
            raise ConfigError(NO_STATES.format(type(self.model).__name__))
        return self.model

    @torch.inference_mode()
    def rewind(self, trajectories: Trajectories, position: int) -> Trajectories:
        """Reset all rows to ``position`` drawn codes, at least one; :meth:`advance` then gives the next logits."""
        trajectories.cache.rewind(position - 1)
        trajectories.positions = torch.full_like(trajectories.positions, position)
        trajectories.codes[:, position:] = 0
        return trajectories

    def tokens_at(self, step: int) -> int:
        """Tokens that a row draws in one step."""
        return 1

    def vectors(self, codes: Tensor) -> Tensor:
        """Not told: a step draws one code, so that there are no draws of many to compare."""
        raise NotImplementedError

    @property
    def tells_latents(self) -> bool:
        """Whether :meth:`latent` can be asked."""
        return self.preview is None and isinstance(self.tokenizer, TellsVectors)

    @torch.inference_mode()
    def latent(self, codes: Int[Tensor, "n t"]) -> Float[Tensor, "n d h w"]:
        """The code vectors of images on any device, complete or of the first ``t`` cells; zeros in the others.

        Raises:
            ConfigError: the tokenizer does not tell its vectors, or codes of a preview come first.
        """
        if not isinstance(self.tokenizer, TellsVectors) or self.preview is not None:
            raise ConfigError(f"{type(self.tokenizer).__name__} tells no vectors of codes that lie on one grid.")
        height, width = self.model.grid
        drawn = self.tokenizer.vectors(codes).float().transpose(1, 2)
        return F.pad(drawn, (0, height * width - codes.shape[1])).unflatten(2, (height, width))

    @torch.inference_mode()
    def pictures(self, codes: list[Int[Tensor, " t"]], prompts: list[str] | None = None) -> Float[Tensor, "m 3 H W"]:
        """RGB in [-1, 1] of several images' codes on any device, as many of each; cells without a code are grey.

        Until the codes go beyond a preview it is the preview's picture. After that its nearest codes stand in cells
        without one, so nothing is grey.
        """
        rows, first, grid = torch.stack(codes), self.preview_steps, self.model.grid
        preview = self.preview
        if preview is None:
            return self._picture(rows, grid, prompts)
        if rows.shape[1] <= first:
            return self._picture(rows, preview, prompts, preview=True)
        enlarged = F.interpolate(rows[:, None, :first].unflatten(2, preview).double(), grid).flatten(1)
        drawn = rows[:, first:]
        return self._picture(torch.cat([drawn, enlarged.long()[:, drawn.shape[1] :]], 1), grid, prompts)

    def _picture(
        self, codes: Int[Tensor, "n t"], grid: tuple[int, int], prompts: list[str] | None, *, preview: bool = False
    ) -> Float[Tensor, "n 3 H W"]:
        """Of a whole grid, or of its first codes."""
        assert self.tokenizer is not None, "this decoder was made without the image tokenizer"
        height, width = grid
        drawn = codes.shape[1]
        full = F.pad(codes.long(), (0, height * width - drawn))
        if isinstance(self.tokenizer, ReadsPrompts):
            texts = [""] * len(codes) if prompts is None else prompts
            pixels = self.tokenizer.decode_for(texts, full, grid, preview=preview).clamp(-1, 1)
        else:
            pixels = self.tokenizer.decode(full, grid).clamp(-1, 1)
        if drawn == height * width:
            return pixels
        cell = self.tokenizer.downsample
        mask = (torch.arange(height * width) < drawn).view(height, width)
        mask = to_device(mask.repeat_interleave(cell, 0).repeat_interleave(cell, 1), pixels.device)
        return torch.where(mask, pixels, torch.zeros_like(pixels))
