"""A benchmark of a handful of prompts whose judge looks at brightness, and rewards that do."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from PIL import Image

from scalingar.bench.benchmark import Benchmark, BenchmarkSettings, Item, Verdict
from scalingar.rewards import PixelReward

PROMPTS = {"one": ["a dog", "a cat", "a bird"], "two": ["two cats", "three clocks"]}


class Bright(Benchmark):
    """Right is what is brighter than a threshold."""

    label = "bright"
    version = "1"
    images_per_prompt = 2
    settings = BenchmarkSettings

    def __init__(self, threshold: float = 127.0, prompts: dict[str, list[str]] = PROMPTS) -> None:
        self.threshold = threshold
        self.prompts = prompts

    @classmethod
    def build(cls, settings: Any, **_: Any) -> Self:
        return cls()

    def items(self) -> Sequence[Item]:
        pairs = [(task, prompt) for task, some in self.prompts.items() for prompt in some]
        return [Item(f"{number:03d}", prompt, task) for number, (task, prompt) in enumerate(pairs)]

    def score(self, item: Item, images: Sequence[Image.Image]) -> list[Verdict]:
        return [self._verdict(float(np.asarray(image).mean())) for image in images]

    def _verdict(self, brightness: float) -> Verdict:
        right = brightness > self.threshold
        return Verdict(float(right), reason="" if right else "dark", details={"brightness": brightness})


class Level(PixelReward):
    """Brightness; nothing is said about pictures that are black."""

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        return [float(np.asarray(image.convert("L")).mean()) for image in images]

    def answered(self, prompt: str, images: Sequence[Image.Image]) -> list[float | None]:
        return [value or None for value in self.score(prompt, images)]


class Darkness(Level):
    """The negative of it."""

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        return [-value for value in super().score(prompt, images)]
