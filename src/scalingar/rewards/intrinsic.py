"""Signals of the generating model as rewards, which need neither a network nor images."""

from dataclasses import dataclass
from functools import partial

from scalingar.core.outputs import Candidate
from scalingar.rewards.reward import REWARDS, WithoutWeights


@dataclass(frozen=True)
class IntrinsicReward:
    """A signal of a finished trajectory (``profile.signals``), negated if lower is better."""

    signal: str
    sign: float = 1.0
    counts_images: bool = False

    def __call__(self, candidates: list[Candidate]) -> list[float]:
        """The signal of each candidate."""
        return [self.sign * candidate.signals[self.signal] for candidate in candidates]


_SIGNALS = ("pmi", "log_likelihood", "deepconf", "confidence", "lowest_group_confidence", "final_confidence")

INTRINSIC = {
    **{signal.replace("_", "-"): IntrinsicReward(signal) for signal in _SIGNALS},
    "negative-entropy": IntrinsicReward("entropy", -1.0),
}
"""By registered name."""

for _name in INTRINSIC:
    REWARDS.register(_name)(
        WithoutWeights(partial(INTRINSIC.__getitem__, _name), "the model's own signal of this name")
    )
