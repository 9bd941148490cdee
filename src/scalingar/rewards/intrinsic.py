"""The model's own signals as rewards: they need no judge and no pixels."""

from dataclasses import dataclass

from scalingar.core.outputs import Candidate
from scalingar.rewards.reward import REWARDS


@dataclass(frozen=True)
class IntrinsicReward:
    """A signal of the decoded trajectory (``profile.signals``), negated where low is better."""

    signal: str
    sign: float = 1.0
    counts_images: bool = False

    def __call__(self, candidates: list[Candidate]) -> list[float]:
        """The signal of each candidate."""
        return [self.sign * candidate.signals[self.signal] for candidate in candidates]


for _name in (
    "pmi",
    "log_likelihood",
    "deepconf",
    "confidence",
    "lowest_group_confidence",
    "final_confidence",
):
    REWARDS.register(_name.replace("_", "-"))(IntrinsicReward(_name))
REWARDS.register("negative-entropy")(IntrinsicReward("entropy", -1.0))
