"""A TTS-VAR search that follows the released code, and records what it does for comparison."""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from pydantic import PrivateAttr
from torch import Tensor

from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.noise import GeneratorNoise, SharedNoise
from scalingar.decoding.trajectories import ScaleTrajectories
from scalingar.doctor.golden.golden_file import GoldenFile
from scalingar.doctor.golden.tts_var.select_check import released_weights, with_signs_of
from scalingar.strategies import TTSVar
from scalingar.strategies.search import Decision, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.tts_var import TTSVarSearch


@dataclass
class Recorded:
    """Intermediate results of a run, to be compared afterwards."""

    codes: list[Tensor] = field(default_factory=list)
    latents: list[Tensor] = field(default_factory=list)
    noise: dict[int, Tensor] = field(default_factory=dict)
    features: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    rewards: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    weights: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    rows: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def last_latent(self) -> Tensor:
        """The latents after the last scale."""
        return self.latents[-1]


@dataclass(frozen=True, kw_only=True)
class RecordingDecoder(NextScaleDecoder):
    """Records the codes of every scale and the last latents."""

    recorded: Recorded

    def append(self, trajectories: ScaleTrajectories, codes: Int[Tensor, "n l g"]) -> ScaleTrajectories:
        """See :class:`NextScaleDecoder`."""
        live = super().append(trajectories, codes)
        self.recorded.codes.append(codes)
        self.recorded.latents = [live.latent]
        return live


@dataclass(frozen=True)
class RecordingNoise(SharedNoise):
    """One generator for tokens and resampling, as in the released code; records what it draws."""

    generator: torch.Generator
    recorded: Recorded

    def exponential(self, steps: Int[Tensor, " n"], size: int, device: torch.device) -> Float[Tensor, "n size"]:
        """See :class:`~scalingar.decoding.noise.GeneratorNoise`."""
        noise = GeneratorNoise(self.generator).exponential(steps, size, device)
        self.recorded.noise[int(steps[0])] = noise
        return noise


@dataclass(frozen=True)
class Replay:
    """The file that a search follows, its recording, and its generator."""

    file: GoldenFile
    recorded: Recorded
    generator: torch.Generator


class Replayed(TTSVar):
    """TTS-VAR with the peculiarities of the released code: its generator, its repaired weights, the file's signs."""

    _replay: Replay = PrivateAttr()

    @classmethod
    def of(cls, replay: Replay) -> "Replayed":
        """The strategy with the settings of the file."""
        config = replay.file.config
        strategy = cls(
            schedule=tuple(config["bs"]),
            clustering_scales=tuple(config["ext"]),
            resampling_scales=tuple(config["res"]),
            temperature_inverse=config["lam"],
            reward="formula",
        )
        strategy._replay = replay
        return strategy

    def search(self, setting: Setting) -> "ReplayedSearch":
        """A search that records its intermediate results."""
        return ReplayedSearch(setting, self, self._replay)


class ReplayedSearch(TTSVarSearch):
    """See :class:`Replayed`."""

    def __init__(self, setting: Setting, strategy: TTSVar, replay: Replay) -> None:
        super().__init__(setting, strategy)
        self.replay = replay

    def after_draw(self, step: Step) -> Decision | None:
        """The decision of TTS-VAR, recorded."""
        decision, scale = super().after_draw(step), step.position - 1
        if scale in (*self.plan.clustering, *self.plan.resampling):
            self.replay.recorded.rows[scale] = np.arange(len(step)) if decision is None else decision.rows
        if decision is not None and "reward" in decision.trace:
            self.replay.recorded.rewards[scale] = decision.trace["reward"]
        return decision

    def reduced(self, step: Step) -> Float[np.ndarray, "n f"]:
        """The features with the signs of the file, which are arbitrary but decide the clusters."""
        stored = self.replay.file[f"features_{step.position - 1}"].numpy()
        features = with_signs_of(super().reduced(step), stored)
        self.replay.recorded.features[step.position - 1] = features
        return features

    def drawn(self, log_weights: Float[np.ndarray, " n"], count: int, scale: int) -> Int[np.ndarray, " m"]:
        """Drawn by torch's multinomial, from the generator that also draws the tokens."""
        self.replay.recorded.weights[scale] = log_weights
        weights = torch.from_numpy(released_weights(np.exp(log_weights).astype(np.float32)))
        return torch.multinomial(weights, count, replacement=True, generator=self.replay.generator).numpy()
