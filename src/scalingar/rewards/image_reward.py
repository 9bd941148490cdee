"""ImageReward (arXiv 2304.05977): human preference for an image given its prompt."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from scalingar.models.hf.clip_pixels import cropped, normalised
from scalingar.models.weights.checkpoint import read_weights
from scalingar.rewards.image_reward_network import ImageRewardNetwork, build
from scalingar.rewards.learned_reward import LearnedReward
from scalingar.rewards.reward import REWARDS


@REWARDS.register("image-reward")
class ImageReward(LearnedReward):
    """ImageReward-v1.0: learnt human preference, mean 0, about -2.5 to 2; reads 35 word pieces.

    Equal to the official package in fp32; images are batched, without the padding that is masked there. The text
    encoder attends to the image in every layer, so none of its output is shared between images.
    """

    repo: ClassVar[str] = "THUDM/ImageReward"
    file: ClassVar[str | None] = "ImageReward.pt"
    tokenizer_repo: ClassVar[str] = "google-bert/bert-base-uncased"
    tokenizer_kind: ClassVar[str] = "BertTokenizer"
    limit: ClassVar[int] = 35

    def load(self, location: str | Path) -> ImageRewardNetwork:
        """From the official weight file. Raises WeightsError."""
        return build(read_weights(location), location, device=self.device, dtype=self.dtype)

    @cached_property
    def text_tokenizer(self) -> Any:
        """BERT's tokenizer with BLIP's two special tokens, which count in the vocabulary."""
        tokenizer = super().text_tokenizer
        tokenizer.add_special_tokens({"bos_token": "[DEC]"})
        tokenizer.add_special_tokens({"additional_special_tokens": ["[ENC]"]})
        return tokenizer

    def vocabulary(self, network: ImageRewardNetwork) -> int:
        """Rows of the word embedding."""
        return int(network.text.config.vocab_size)

    def score_batch(
        self, network: ImageRewardNetwork, ids: Int[Tensor, "1 t"], pictures: Sequence[Image.Image]
    ) -> Float[Tensor, " n"]:
        """Standardised scores of a batch of images."""
        patches = network.embed(normalised([cropped(picture, network.side) for picture in pictures]))
        return network.reward(network.read(ids.expand(len(patches), -1), patches))
