"""The profile of a trajectory: statistics of its logits, as pure functions of tensors. No decisions."""

from scalingar.profile.confidence import ConfidenceProfile
from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.signals import signals
from scalingar.profile.statistics.token_statistics import (
    StepDistributions,
    TokenStatistics,
    step_distributions,
    token_statistics,
)

__all__ = [
    "ConfidenceProfile",
    "ProfileConfig",
    "StepDistributions",
    "TokenStatistics",
    "signals",
    "step_distributions",
    "token_statistics",
]
