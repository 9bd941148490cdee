"""Decisions from a profile, rewards or features, as pure functions of arrays. No decoding and no images."""

from scalingar.policy.guidance_schedule import GuidanceConfig, GuidanceSchedule
from scalingar.policy.termination import Gate, GateConfig, GateDecision

__all__ = ["Gate", "GateConfig", "GateDecision", "GuidanceConfig", "GuidanceSchedule"]
