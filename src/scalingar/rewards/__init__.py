"""Rewards, which score images for a strategy, one file each under ``@REWARDS.register(name)``. No benchmark judges."""

from scalingar.rewards.clip_score import ClipScore
from scalingar.rewards.embedded_reward import EmbeddedReward
from scalingar.rewards.hps import HPSv2, HPSv21
from scalingar.rewards.image_reward import ImageReward
from scalingar.rewards.intrinsic import INTRINSIC, IntrinsicReward
from scalingar.rewards.learned_reward import LearnedReward, TruncationWarning
from scalingar.rewards.pick_score import PickScore
from scalingar.rewards.reward import (
    REWARDS,
    FunctionReward,
    PixelReward,
    Reward,
    RewardFactory,
    WithoutWeights,
    build_reward,
    check_reward,
    score_candidates,
    scoring,
)

__all__ = [
    "INTRINSIC",
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
    "RewardFactory",
    "TruncationWarning",
    "WithoutWeights",
    "build_reward",
    "check_reward",
    "score_candidates",
    "scoring",
]
