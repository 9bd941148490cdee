"""A next-scale model and tokenizer made of a few matrices, for tests of everything around them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from scalingar.core.outputs import Candidate, Ledger
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.noise import Noise, TrajectoryNoise
from scalingar.rewards.reward import FunctionReward
from scalingar.strategies import Strategy
from scalingar.strategies.build_strategy import changed
from scalingar.strategies.engine.engine import Engine
from scalingar.strategies.engine.live_batch import LiveBatch
from scalingar.strategies.engine.looks import ImageLooks
from scalingar.strategies.engine.step_event import StepEvent

SIDES = (1, 2, 3, 4, 5, 6, 8)
SCALES = tuple((side, side) for side in SIDES)
TOKENS = sum(side * side for side in SIDES)
WIDTH, GROUPS, VALUES = 4, 2, 3
PROMPT = "three"


def matrix(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@dataclass
class TinyCache:
    """The prompt's vector and what each row was fed, scale by scale."""

    owners: Tensor
    prompts: Tensor
    fed: list[Tensor]
    lockstep: bool = True
    keeps: bool = False

    @property
    def rows(self) -> int:
        return len(self.owners)

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.fed)

    def select(self, rows: Tensor) -> "TinyCache":
        self.owners, self.fed = self.owners[rows], [tensor[rows] for tensor in self.fed]
        return self

    def copy(self, rows: Tensor) -> "TinyCache":
        return replace(self, fed=[*self.fed]).select(rows)

    def keep(self) -> None:
        self.keeps = True

    def rewind(self, fed: int) -> None:
        assert self.keeps
        del self.fed[fed:]

    def fits(self, other: "TinyCache") -> bool:
        return len(self.fed) == len(other.fed)

    def join(self, other: "TinyCache", order: Tensor) -> "TinyCache":
        owners = other.owners + (0 if other.prompts is self.prompts else len(self.prompts))
        self.prompts = self.prompts if other.prompts is self.prompts else torch.cat([self.prompts, other.prompts])
        self.owners = torch.cat([self.owners, owners])[order]
        self.fed = [torch.cat(pair)[order] for pair in zip(self.fed, other.fed, strict=True)]
        return self

    def overwrite(self, rows: Tensor, fresh: "TinyCache") -> None:
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
        return TinyCache(torch.arange(len(prompts)), prompts, [])

    def step(self, features: Tensor | None, scale: int, cache: TinyCache) -> Tensor:
        self.seen.append(cache.rows)
        height, width = self.scales[scale]
        if features is None:
            features = torch.zeros(cache.rows, 1, WIDTH)
        features = features.repeat(cache.rows // len(features), 1, 1)
        cache.fed.append(features.mean(1))
        memory = torch.stack(cache.fed).sum(0)
        places = matrix(scale, height * width, WIDTH)
        hidden = torch.tanh(features + places + (memory + cache.prompts[cache.owners])[:, None])
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

    def vectors(self, codes: Tensor) -> Tensor:
        return codes.float()

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


class Watched(Engine):
    """An engine that keeps its events and checks its rows after every step."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.events: list[StepEvent] = []

    def _step(self, live: LiveBatch) -> list[StepEvent]:
        live.check()
        events = super()._step(live)
        if live.runs:
            live.check()
        self.events += events
        return events


def run(strategy: Strategy, prompts: Sequence[str] = (PROMPT,), seed: int = 0, **options: Any) -> Watched:
    """The engine after a run with all its results. Rewards and features are given unless options say otherwise."""
    given = {"decoder": decoder(), "guidance_scale": 2.0, **options}
    reward, feature = given.pop("reward", FunctionReward(redness)), given.pop("feature", None)
    if strategy.needs().rewarded and strategy.needs().reward is None:
        strategy = changed(strategy, reward="redness")
    looks = ImageLooks(given["decoder"].pictures, Ledger(), reward, strategy.needs().reward or "redness", feature)
    engine = Watched(strategy=strategy, looks=looks, **given)
    for _ in engine.run(prompts, encode, [seed + i for i, _ in enumerate(prompts)]):
        pass
    return engine


def candidates(engine: Watched) -> list[Candidate]:
    """Those of the first prompt."""
    return engine.results[0].candidates
