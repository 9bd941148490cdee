"""What a strategy uses beside the model's logits, declared before decoding."""

from dataclasses import dataclass

from scalingar.rewards.rank_sum import asks_verifier


@dataclass(frozen=True, kw_only=True)
class Needs:
    """By default nothing.

    ``rewarded``: it uses a reward; ``reward``: its name or ``name:source``, None if not yet named.
    ``feature``: ``name`` or ``name:source`` of the image feature it uses; None: none.
    ``unconditional``: it compares the unconditional branch with the prompt's, so there must be one.
    ``rewriter``: ``name`` or ``name:words`` of what writes the second prompt that it guides with; None: there is none.
    ``verified``: it uses a verifier, or a reward that is one; ``verifier``: its folder or name, None if not yet named.
    ``states``: it reads hidden states itself; they are kept only then, or where its verifier reads them.
    ``warmup``: share of the steps after which the profile's C_min begins anew (ScalingAR, Eq. 12); 0: it does not.
    """

    rewarded: bool = False
    reward: str | None = None
    feature: str | None = None
    unconditional: bool = False
    rewriter: str | None = None
    verified: bool = False
    verifier: str | None = None
    states: bool = False
    warmup: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "verified", self.verified or asks_verifier(self.reward))
