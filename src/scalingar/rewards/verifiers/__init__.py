"""Verifiers, which tell from a model's own states or latents how good an image will be. They see no picture."""

from scalingar.rewards.verifiers.latent_head import LatentHead, LatentHeadConfig
from scalingar.rewards.verifiers.latent_reading import LatentReading
from scalingar.rewards.verifiers.reading import Reading
from scalingar.rewards.verifiers.state_head import VALUE_SCALE, StateHead, StateHeadConfig
from scalingar.rewards.verifiers.state_reading import StateReading
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
    "LatentHead",
    "LatentHeadConfig",
    "LatentReading",
    "Reading",
    "StateHead",
    "StateHeadConfig",
    "StateReading",
    "Verifier",
    "VerifierInfo",
    "head_hash",
    "with_verifier",
]
