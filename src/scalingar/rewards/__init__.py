"""Rewards, which score images for a strategy, one file each under ``@REWARDS.register(name)``. No benchmark judges."""

from scalingar.rewards import intrinsic  # noqa: F401  (registers the model's own signals)
from scalingar.rewards.clip_score import ClipScore
from scalingar.rewards.embedded_reward import EmbeddedReward
from scalingar.rewards.hps import HPSv2, HPSv21
from scalingar.rewards.image_reward import ImageReward
from scalingar.rewards.judges.endpoint_judge import EndpointJudge
from scalingar.rewards.judges.question_reward import UnansweredWarning
from scalingar.rewards.judges.vqa_score import VQAScore
from scalingar.rewards.learned_reward import TruncationWarning
from scalingar.rewards.pick_score import PickScore
from scalingar.rewards.rank_sum import RankSum
from scalingar.rewards.reward import (
    REWARDS,
    PixelReward,
    Reward,
    WithoutWeights,
    build_reward,
    check_reward,
    eyes,
    score_candidates,
    scoring,
)

__all__ = [
    "REWARDS",
    "ClipScore",
    "EmbeddedReward",
    "EndpointJudge",
    "HPSv2",
    "HPSv21",
    "ImageReward",
    "PickScore",
    "PixelReward",
    "RankSum",
    "Reward",
    "TruncationWarning",
    "UnansweredWarning",
    "VQAScore",
    "WithoutWeights",
    "build_reward",
    "check_reward",
    "eyes",
    "score_candidates",
    "scoring",
]
