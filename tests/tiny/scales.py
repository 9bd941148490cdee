"""A next-scale model and tokenizer made of a few matrices, for tests of everything around them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from scalingar.core.outputs import Candidate
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.noise import Noise, TrajectoryNoise
from scalingar.rewards.reward import FunctionReward
from scalingar.strategies import Strategy
from scalingar.strategies.engine.scale_engine import ScaleEngine

SIDES = (1, 2, 3, 4, 5, 6, 8)
SCALES = tuple((side, side) for side in SIDES)
TOKENS = sum(side * side for side in SIDES)
WIDTH, GROUPS, VALUES = 4, 2, 3
PROMPT = "three"


def matrix(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@dataclass
class TinyCache:
    """The prompt's vector and what each row was fed so far; ``log`` counts what was asked of it."""

    owners: Tensor
    prompts: Tensor
    memory: Tensor
    lockstep: bool = True

    @property
    def rows(self) -> int:
        return len(self.owners)

    @property
    def nbytes(self) -> int:
        return self.memory.nbytes

    def select(self, rows: Tensor) -> "TinyCache":
        self.owners, self.memory = self.owners[rows], self.memory[rows]
        return self

    def place(self, rows: Tensor, fresh: "TinyCache") -> None:
        raise NotImplementedError


@dataclass
class TinyScales:
    """Logits from the prompt, all that was fed, and the place. ``broken``: scale and rows that give NaN logits."""

    scales: tuple[tuple[int, int], ...] = SCALES
    groups: int = GROUPS
    values: int = VALUES
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    broken: tuple[int, slice] | None = None
    seen: list[int] = field(default_factory=list)
    """Rows of every step."""

    def condition(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        return inputs

    def prefill(self, condition: Tensor, *, guided: bool) -> TinyCache:
        prompts = torch.cat([condition, torch.zeros_like(condition)]) if guided else condition
        return TinyCache(torch.arange(len(prompts)), prompts, torch.zeros(len(prompts), WIDTH))

    def step(self, features: Tensor | None, scale: int, cache: TinyCache) -> Tensor:
        self.seen.append(cache.rows)
        height, width = self.scales[scale]
        if features is None:
            features = torch.zeros(cache.rows, 1, WIDTH)
        features = features.repeat(cache.rows // len(features), 1, 1)
        cache.memory = cache.memory + features.mean(1)
        places = matrix(scale, height * width, WIDTH)
        hidden = torch.tanh(features + places + (cache.memory + cache.prompts[cache.owners])[:, None])
        logits = 2 * (hidden @ matrix(100, WIDTH, self.groups * self.values))
        if self.broken is not None and self.broken[0] == scale:
            logits[self.broken[1]] = torch.nan
        return logits.unflatten(-1, (self.groups, self.values))

    def guidance_at(self, scale: int, guidance_scale: float) -> float:
        return 1 + (guidance_scale - 1) * scale / (len(self.scales) - 1)


@dataclass
class TinyTokenizer:
    """Adds code vectors to the latent; ``decoded`` counts images."""

    decoded: int = 0

    def start(self, n: int, device: torch.device | str) -> Tensor:
        return torch.zeros(n, WIDTH, *SCALES[-1], device=device)

    def accumulate(self, latent: Tensor, codes: Tensor, scale: int) -> Tensor:
        vectors = matrix(200, GROUPS, VALUES, WIDTH)
        added = sum(vectors[group][codes[..., group]] for group in range(GROUPS))
        assert isinstance(added, Tensor)
        grid = added.mT.unflatten(-1, SCALES[scale])
        return latent + F.interpolate(grid, SCALES[-1]) / (1 + scale)

    def features(self, latent: Tensor, scale: int) -> Tensor:
        return F.adaptive_avg_pool2d(latent, SCALES[scale]).flatten(2).mT

    def decode(self, latent: Tensor) -> Tensor:
        self.decoded += len(latent)
        return 1.5 * torch.tanh(F.interpolate(latent[:, :3], (16, 16)))

    def encode(self, images: Tensor) -> list[Tensor]:
        raise NotImplementedError


def decoder(
    model: TinyScales | None = None, sampling: SamplingConfig | None = None, **options: Any
) -> NextScaleDecoder:
    return NextScaleDecoder(
        model=model or TinyScales(), tokenizer=TinyTokenizer(), sampling=sampling or SamplingConfig(), **options
    )


def encode(prompts: Sequence[str]) -> Tensor:
    """A vector per prompt."""
    return torch.stack([matrix(sum(map(ord, prompt)), WIDTH) for prompt in prompts])


def noise(indices: Sequence[list[int]], seed: int = 0) -> Noise:
    return TrajectoryNoise.for_prompts([seed] * len(indices), indices)


def redness(prompt: str, images: Sequence[Any]) -> list[float]:
    """A reward that looks at pixels."""
    return [image.getpixel((0, 0))[0] / 255 for image in images]


def run(strategy: Strategy, prompts: Sequence[str] = (PROMPT,), seed: int = 0, **options: Any) -> ScaleEngine:
    """The engine after a run with all its results. Rewards and features are given unless options say otherwise."""
    given = {"decoder": decoder(), "guidance_scale": 2.0, "reward": FunctionReward(redness), **options}
    engine = ScaleEngine(strategy=strategy, **given)
    engine.events = list(engine.run(prompts, encode, [seed + i for i, _ in enumerate(prompts)]))  # type: ignore[attr-defined]
    return engine


def candidates(engine: ScaleEngine) -> list[Candidate]:
    """Those of the first prompt."""
    return engine.results[0].candidates
