"""CLIP similarity between prompt and image."""

from typing import ClassVar

from scalingar.rewards.clip_towers import ClipReward
from scalingar.rewards.reward import REWARDS


@REWARDS.register("clip-score")
class ClipScore(ClipReward):
    """Cosine in OpenAI's CLIP ViT-L/14, about 0.1 to 0.35: prompt alignment, not aesthetics; reads 77 tokens.

    CLIPScore (arXiv 2104.08718) is this cosine times 2.5, clipped at 0; the ranking is the same.
    """

    repo: ClassVar[str] = "openai/clip-vit-large-patch14"
    tokenizer_repo: ClassVar[str] = repo
    activation: ClassVar[str] = "quick_gelu"
