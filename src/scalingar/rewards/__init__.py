"""Judges of finished images. A reward is one file with one class under ``@REWARDS.register(name)``."""

from scalingar.rewards.base import REWARDS, Reward
from scalingar.rewards.intrinsic import IntrinsicReward

__all__ = ["REWARDS", "IntrinsicReward", "Reward"]
