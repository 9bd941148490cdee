"""Profile level: what a trajectory's logits say about it. Pure functions of tensors."""

from scalingar.profile.confidence import ConfidenceProfile
from scalingar.profile.config import ProfileConfig
from scalingar.profile.signals import Signals
from scalingar.profile.token import TokenStatistics, arsample_temperature, token_statistics

__all__ = [
    "ConfidenceProfile",
    "ProfileConfig",
    "Signals",
    "TokenStatistics",
    "arsample_temperature",
    "token_statistics",
]
