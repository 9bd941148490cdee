"""Verifiers, which tell from a model's own hidden states how good an image will be. They see no picture."""

from scalingar.rewards.verifiers.reading import Reading
from scalingar.rewards.verifiers.state_head import VALUE_SCALE, StateHead, StateHeadConfig
from scalingar.rewards.verifiers.verifier import (
    VERIFIER,
    VERSION,
    Verifier,
    VerifierInfo,
    head_hash,
    with_verifier,
)

__all__ = [
    "VALUE_SCALE",
    "VERIFIER",
    "VERSION",
    "Reading",
    "StateHead",
    "StateHeadConfig",
    "Verifier",
    "VerifierInfo",
    "head_hash",
    "with_verifier",
]
