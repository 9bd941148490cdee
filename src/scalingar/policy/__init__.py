"""Policy level: decisions taken from a profile, rewards or features. Pure functions of tensors."""

from scalingar.policy.guidance_schedule import GuidanceConfig, guidance_scale
from scalingar.policy.termination import Gate, GateConfig, GateDecision

__all__ = ["Gate", "GateConfig", "GateDecision", "GuidanceConfig", "guidance_scale"]
