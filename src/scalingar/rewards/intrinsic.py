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


_SIGNALS = {
    "pmi": "how much the drawn codes owe to the prompt, Σ ln p(x|c) − ln p(x|∅), in nats",
    "log_likelihood": "mean ln p(x|c) of the drawn codes, in nats",
    "deepconf": "mean of DeepConf's confidence, in nats",
    "confidence": "mean of ScalingAR's confidence C",
    "lowest_group_confidence": "smallest mean of DeepConf's confidence over 32 steps, in nats",
    "final_confidence": "ScalingAR's confidence C at the last step",
    "verifier": "the value of the strategy's verifier, or of the model's own, which sees no picture",
}
_ENTROPY = "minus the mean entropy of its logits, in nats"

INTRINSIC = {
    **{signal.replace("_", "-"): IntrinsicReward(signal) for signal in _SIGNALS},
    "negative-entropy": IntrinsicReward("entropy", -1.0),
}
"""By registered name."""

for _name, _reward in INTRINSIC.items():
    _what = _SIGNALS.get(_reward.signal, _ENTROPY)
    REWARDS.register(_name)(WithoutWeights(partial(INTRINSIC.__getitem__, _name), f"The model's own: {_what}."))
