"""The TTS-VAR search made to do what the released code did, and to keep what it did for comparing."""

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
class Seen:
    """What the engine did on the way, to be compared afterwards."""

    codes: list[Tensor] = field(default_factory=list)
    latents: list[Tensor] = field(default_factory=list)
    noise: dict[int, Tensor] = field(default_factory=dict)
    features: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    rewards: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    weights: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    rows: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def last_latent(self) -> Tensor:
        """The latents once the last scale was added."""
        return self.latents[-1]


@dataclass(frozen=True, kw_only=True)
class WatchedDecoder(NextScaleDecoder):
    """Keeps the codes of every scale and the last latents."""

    seen: Seen

    def append(self, trajectories: ScaleTrajectories, codes: Int[Tensor, "n l g"]) -> ScaleTrajectories:
        """As it is."""
        live = super().append(trajectories, codes)
        self.seen.codes.append(codes)
        self.seen.latents = [live.latent]
        return live


@dataclass(frozen=True)
class WatchedNoise(SharedNoise):
    """One generator for tokens and resampling, as released; keeps what it drew."""

    generator: torch.Generator
    seen: Seen

    def exponential(self, steps: Int[Tensor, " n"], size: int, device: torch.device) -> Float[Tensor, "n size"]:
        """See :class:`~scalingar.decoding.noise.GeneratorNoise`."""
        noise = GeneratorNoise(self.generator).exponential(steps, size, device)
        self.seen.noise[int(steps[0])] = noise
        return noise


@dataclass(frozen=True)
class Replay:
    """What a replayed search needs besides its settings."""

    file: GoldenFile
    seen: Seen
    generator: torch.Generator


class Replayed(TTSVar):
    """TTS-VAR with what the released code does otherwise: its generator, its repairs, and the file's signs."""

    _replay: Replay = PrivateAttr()

    @classmethod
    def of(cls, replay: Replay) -> "Replayed":
        """With the settings of the file."""
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
        """A search that keeps what it did."""
        return ReplayedSearch(setting, self, self._replay)


class ReplayedSearch(TTSVarSearch):
    """See :class:`Replayed`."""

    def __init__(self, setting: Setting, strategy: TTSVar, replay: Replay) -> None:
        super().__init__(setting, strategy)
        self.replay = replay

    def after_draw(self, step: Step) -> Decision | None:
        """As it is, and remembered."""
        decision, scale = super().after_draw(step), step.position - 1
        if scale in (*self.plan.clustering, *self.plan.resampling):
            self.replay.seen.rows[scale] = np.arange(len(step)) if decision is None else decision.rows
        if decision is not None and "reward" in decision.trace:
            self.replay.seen.rewards[scale] = decision.trace["reward"]
        return decision

    def reduced(self, step: Step) -> Float[np.ndarray, "n f"]:
        """With the signs of the file, which decide the clusters and mean nothing."""
        stored = self.replay.file[f"features_{step.position - 1}"].numpy()
        features = with_signs_of(super().reduced(step), stored)
        self.replay.seen.features[step.position - 1] = features
        return features

    def drawn(self, log_weights: Float[np.ndarray, " n"], count: int, scale: int) -> Int[np.ndarray, " m"]:
        """By torch's multinomial, from the generator that has just drawn the tokens."""
        self.replay.seen.weights[scale] = log_weights
        weights = torch.from_numpy(released_weights(np.exp(log_weights).astype(np.float32)))
        return torch.multinomial(weights, count, replacement=True, generator=self.replay.generator).numpy()
