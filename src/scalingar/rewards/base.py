"""What a reward is."""

from collections.abc import Callable
from typing import Protocol

from scalingar.outputs import Candidate
from scalingar.registry import Registry


class Reward(Protocol):
    """Scores finished candidates; higher is better."""

    @property
    def counts_images(self) -> bool:
        """It looks at pixels, so that its calls belong in the ledger."""
        ...

    def __call__(self, candidates: list[Candidate]) -> list[float]:
        """One finite number per candidate."""
        ...


REWARDS: Registry[Callable[[], Reward]] = Registry("rewards")
