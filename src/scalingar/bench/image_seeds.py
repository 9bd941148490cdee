"""Seeds of a benchmark's images, so that no two of them share noise."""

import hashlib

import numpy as np


def image_seed(seed: int, prompt: str, number: int) -> int:
    """The seed of image ``number`` of a prompt in a run under ``seed``, less than 2⁵³.

    Under one seed for all prompts, trajectory 0 of every prompt would be drawn from the same stream, and the images
    that a score averages, or a resampling strategy's choices, would not be independent. JSON readers that know only
    doubles keep integers below 2⁵³ exact.

    Args:
        seed: of the run.
        prompt: identifies the prompt within its benchmark.
        number: of the image among those of its prompt.
    """
    digest = hashlib.sha256(prompt.encode()).digest()
    name = np.frombuffer(digest, np.dtype("<u4")).tolist()
    state = np.random.SeedSequence(seed, spawn_key=(*name, number)).generate_state(1, np.uint64)
    return int(state[0]) >> 11
