"""Random numbers of steps and chunks, each draw with a key of its own."""

import numpy as np
import torch


def keyed(*key: int) -> torch.Generator:
    """A generator that depends on the whole key: generators of keys that differ in one number have nothing in common.

    All keys of one purpose have the same length, and numbers that are not negative.
    """
    (state,) = np.random.SeedSequence(key).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state))
