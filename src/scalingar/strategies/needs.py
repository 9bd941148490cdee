"""What a strategy needs beside the model's own logits, declared before anything is decoded."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Nothing, unless it says so.

    ``rewarded``: it asks a reward; ``reward`` is its name, or ``name:source``, None while nobody has named one.
    ``feature``: what it compares images by, ``name`` or ``name:source``; None: it compares none.
    ``history``: how many values of I the confidence profile keeps for it (Var(I) of ScalingAR, Eq. 14).
    """

    rewarded: bool = False
    reward: str | None = None
    feature: str | None = None
    history: int = 0
