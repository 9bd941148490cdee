"""Which prompts are drawn for a verifier, on which noise, and which of them teach."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from scalingar.bench.benchmarks.geneval.prompts import official_prompts
from scalingar.models.embedded.grammar import word_ids
from training.world.scenes import sample_scene

SHARES = {
    "single_object": 0.12,
    "two_object": 0.19,
    "counting": 0.15,
    "colors": 0.16,
    "position": 0.19,
    "color_attr": 0.19,
}
"""Of GenEval's tasks."""
SEED = {"embedded": 2024, "embedded-next-scale": 4242}
"""Of the prompts that a model draws."""
MODELS = tuple(SEED)
FIRST_SEED = {"embedded": 7_000_000, "embedded-next-scale": 5_000_000}
"""Of the first prompt's noise."""
TOGETHER = 4
"""Prompts that are decoded together and stored in a file."""
WORDS = 8
"""Terminals of a prompt that are read, as many as the embedded reward's."""
EVERY = 4
"""Prompts of which the last one is held out."""


def training_prompts(count: int, seed: int) -> list[str]:
    """Different prompts of the embedded grammar; none of GenEval's is among them."""
    generator = np.random.default_rng(seed)
    taken = {metadata.prompt for metadata in official_prompts()}
    prompts: list[str] = []
    while len(prompts) < count:
        prompt = sample_scene(generator, SHARES).prompt
        if prompt not in taken:
            taken.add(prompt)
            prompts.append(prompt)
    return prompts


def seeds(model: str, first: int, count: int) -> list[int]:
    """Of the noise of ``count`` prompts from the one with number ``first`` on."""
    return [FIRST_SEED[model] + 100 * number for number in range(first, first + count)]


def examining(count: int) -> Bool[Tensor, " p"]:
    """Which of so many prompts only examine."""
    return torch.arange(count) % EVERY == EVERY - 1


def words_of(prompts: Sequence[str]) -> Int[Tensor, "p w"]:
    """Terminals of each prompt, 0 where there are none."""
    return torch.stack([word_ids(prompt, WORDS) for prompt in prompts])
