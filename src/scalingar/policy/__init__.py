"""Decisions from a profile, rewards or features, as pure functions of arrays. No decoding and no images."""

from scalingar.policy.guidance_schedule import GuidanceConfig, guidance_scale
from scalingar.policy.termination import Gate, GateConfig, GateDecision

__all__ = ["Gate", "GateConfig", "GateDecision", "GuidanceConfig", "guidance_scale"]
