"""Steps and finished candidates with rewards that a test names, to ask searches without any model."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from scalingar.core.outputs import Candidate
from scalingar.strategies.search import Candidates, Step
from scalingar.strategies.setting import Setting

RASTER = Setting((4, 4), 3.0, seed=0, vocab_size=9)
"""Sixteen codes in four rows."""
SCALES = Setting((3, 3), 3.0, seed=0, scales=((1, 1), (2, 2), (3, 3)), vocab_size=9)
"""Three scales of 1, 4 and 9 tokens."""


class Told:
    """Looks that score by a function of the candidate; ``seen`` are the codes that were scored."""

    def __init__(self, score: Callable[[Candidate], float], features: torch.Tensor | None = None) -> None:
        self.of, self.given = score, features
        self.seen: list[list[int]] = []

    def score(self, candidates: list[Candidate]) -> np.ndarray:
        for candidate in candidates:
            if "told" not in candidate.rewards:
                self.seen.append(candidate.codes.flatten().tolist())
                candidate.rewards["told"] = self.of(candidate)
        return np.array([candidate.rewards["told"] for candidate in candidates])

    def describe(self, candidates: list[Candidate]) -> torch.Tensor:
        assert self.given is not None
        return self.given


def candidate(index: int, codes: Sequence[int] = (0,), parent: int | None = None, born: int = 0) -> Candidate:
    """A trajectory of these codes."""
    return Candidate("p", index, torch.tensor(codes), None, {}, {}, parent=parent, born=born)


def images(rewards: Sequence[float], candidates: Sequence[Candidate]) -> Candidates:
    """These candidates, each with its reward."""
    scores = {one.index: float(reward) for one, reward in zip(candidates, rewards, strict=True)}
    return Candidates(lambda: list(candidates), Told(lambda one: scores[one.index]))


def step(
    position: int,
    rewards: Sequence[float] = (),
    *,
    indices: Sequence[int] | None = None,
    codes: Sequence[Sequence[int]] | None = None,
    looks: Told | None = None,
) -> Step:
    """Rows with these rewards at this position; their codes are their own numbers unless given."""
    count = len(codes) if codes is not None else len(rewards)
    own = list(range(count)) if indices is None else list(indices)
    rows = [candidate(index, [index] * position if codes is None else codes[row]) for row, index in enumerate(own)]
    shown = images(rewards, rows) if looks is None else Candidates(lambda: rows, looks)
    nothing: Any = None
    return Step(np.full(count, position), own, nothing, None, np.full(count, 3.0), shown, nothing, nothing, nothing)
