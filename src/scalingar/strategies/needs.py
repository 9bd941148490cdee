"""What a strategy uses beside the model's logits, declared before decoding."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Needs:
    """By default nothing.

    ``rewarded``: it uses a reward; ``reward``: its name or ``name:source``, None if not yet named.
    ``feature``: ``name`` or ``name:source`` of the image feature it uses; None: none.
    ``history``: values of I that the confidence profile keeps (for Var(I) of ScalingAR, Eq. 14).
    """

    rewarded: bool = False
    reward: str | None = None
    feature: str | None = None
    history: int = 0
