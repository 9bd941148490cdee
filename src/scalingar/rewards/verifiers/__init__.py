"""Verifiers, which tell from a model's own hidden states how good an image will be. They see no picture."""

from scalingar.rewards.verifiers.reading import Reading
from scalingar.rewards.verifiers.state_head import StateHead, StateHeadConfig
from scalingar.rewards.verifiers.verifier import VERSION, Verifier, VerifierInfo

__all__ = ["VERSION", "Reading", "StateHead", "StateHeadConfig", "Verifier", "VerifierInfo"]
