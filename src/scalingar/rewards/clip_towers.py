"""CLIP's two towers on transformers, the base of CLIPScore, HPSv2 and PickScore."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor
from torch.nn.functional import cosine_similarity

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import WeightsError
from scalingar.models.hf.clip_pixels import cropped, normalised
from scalingar.models.hf.loading import check_type, load_network
from scalingar.rewards.learned_reward import LearnedReward


class ClipReward(LearnedReward):
    """Cosine between a prompt and images; the text is encoded once per batch."""

    tokenizer_kind: ClassVar[str] = "CLIPTokenizer"
    limit: ClassVar[int] = 77
    activation: ClassVar[str]
    """Activation of the weights; for folders without it, transformers assumes "quick_gelu"."""

    def prepare(self) -> None:
        """Raises WeightsError if something is missing or the folder holds another kind of model."""
        super().prepare()
        if not Path(self.location).is_file():
            check_type(self.location, "clip")

    def load(self, location: str | Path) -> Any:
        """From a folder or hub name in transformers' format. Raises WeightsError."""
        from transformers import CLIPModel  # noqa: PLC0415

        network = load_network(CLIPModel, location, device=self.device, dtype=self.dtype)
        for tower in (network.config.text_config, network.config.vision_config):
            if tower.hidden_act != self.activation:
                raise WeightsError(
                    f"{location} runs with {tower.hidden_act}, the weights of {self.name} with {self.activation}; "
                    "choose its own weights, or correct hidden_act in config.json."
                )
        return network

    def vocabulary(self, network: Any) -> int:
        """Rows of the token embedding."""
        return int(network.config.text_config.vocab_size)

    def score_batch(
        self, network: Any, ids: Int[Tensor, "1 t"], pictures: Sequence[Image.Image]
    ) -> Float[Tensor, " n"]:
        """Cosines of a batch of images, in [-1, 1]."""
        side = network.config.vision_config.image_size
        pixels = normalised([self.to_square(picture, side) for picture in pictures])
        # In transformers 5 the pooled output is already projected.
        image = network.get_image_features(pixel_values=to_device(pixels, self.device).to(self.dtype)).pooler_output
        text = network.get_text_features(input_ids=ids).pooler_output
        return cosine_similarity(image.float(), text.float())

    def to_square(self, picture: Image.Image, side: int) -> Image.Image:
        """The square input image."""
        return cropped(picture, side)
