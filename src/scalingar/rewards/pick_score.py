"""PickScore (arXiv 2305.01569), trained on which of two images users of a generator picked."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from scalingar.models.hf.clip_pixels import cropped
from scalingar.rewards.clip_towers import ClipReward
from scalingar.rewards.reward import REWARDS


@REWARDS.register("pick-score")
class PickScore(ClipReward):
    """PickScore v1: users' picks, about 15 to 25; differences are log-odds of a pick; reads 77 tokens."""

    repo: ClassVar[str] = "yuvalkirstain/PickScore_v1"
    tokenizer_repo: ClassVar[str] = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
    activation: ClassVar[str] = "gelu"

    def score_batch(
        self, network: Any, ids: Int[Tensor, "1 t"], pictures: Sequence[Image.Image]
    ) -> Float[Tensor, " n"]:
        """PickScore, Eq. (1): the cosine divided by the learnt temperature."""
        return network.logit_scale.float().exp() * super().score_batch(network, ids, pictures)

    def to_square(self, picture: Image.Image, side: int) -> Image.Image:
        """Cropped as by the processor of transformers."""
        return cropped(picture, side, centre=math.floor)
