"""Judges of finished images. A reward is a function or one file with one class under ``@REWARDS.register(name)``."""

from scalingar.rewards.clip_score import ClipScore
from scalingar.rewards.embedded_reward import EmbeddedReward
from scalingar.rewards.hps import HPSv2, HPSv21
from scalingar.rewards.image_reward import ImageReward
from scalingar.rewards.intrinsic import IntrinsicReward
from scalingar.rewards.learned import LearnedReward, TruncationWarning
from scalingar.rewards.pick import PickScore
from scalingar.rewards.reward import REWARDS, FunctionReward, PixelReward, Reward, ask, build_reward, check_reward

__all__ = [
    "REWARDS",
    "ClipScore",
    "EmbeddedReward",
    "FunctionReward",
    "HPSv2",
    "HPSv21",
    "ImageReward",
    "IntrinsicReward",
    "LearnedReward",
    "PickScore",
    "PixelReward",
    "Reward",
    "TruncationWarning",
    "ask",
    "build_reward",
    "check_reward",
]
