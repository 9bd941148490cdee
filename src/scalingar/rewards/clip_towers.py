"""CLIP's two towers on transformers: what CLIPScore, HPSv2 and PickScore share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor
from torch.nn.functional import cosine_similarity

from scalingar.core.errors import WeightsError
from scalingar.models.hf.clip_pixels import cropped, normalised
from scalingar.models.hf.loading import check_type, load_network
from scalingar.rewards.learned_reward import LearnedReward


class ClipReward(LearnedReward):
    """Cosine between a prompt and pictures; the text goes through its tower once, whatever the number of pictures."""

    tokenizer_kind: ClassVar[str] = "CLIPTokenizer"
    limit: ClassVar[int] = 77
    activation: ClassVar[str]
    """What the weights were trained with. A folder that does not say it is read as "quick_gelu" by transformers."""

    def prepare(self) -> None:
        """Raises WeightsError where something is missing, or the folder is none of CLIP's."""
        super().prepare()
        if not Path(self.location).is_file():
            check_type(self.location, "clip")

    def load(self, location: str | Path) -> Any:
        """A folder or a hub name, as transformers saves models. Raises WeightsError."""
        from transformers import CLIPModel  # noqa: PLC0415

        network = load_network(CLIPModel, location, device=self.device, dtype=self.dtype)
        for tower in (network.config.text_config, network.config.vision_config):
            if tower.hidden_act != self.activation:
                raise WeightsError(
                    f"{location} runs with {tower.hidden_act}, the weights of {self.name} with {self.activation}; "
                    "choose its own weights, or mend hidden_act in config.json."
                )
        return network

    def vocabulary(self, network: Any) -> int:
        """Rows of the token embedding."""
        return int(network.config.text_config.vocab_size)

    def score_batch(
        self, network: Any, ids: Int[Tensor, "1 t"], pictures: Sequence[Image.Image]
    ) -> Float[Tensor, " n"]:
        """Cosines of some pictures, in [-1, 1]."""
        side = network.config.vision_config.image_size
        pixels = normalised([self.to_square(picture, side) for picture in pictures])
        # transformers 5 hands out an object whose pooled output is already projected.
        seen = network.get_image_features(pixel_values=pixels.to(self.device, self.dtype)).pooler_output
        said = network.get_text_features(input_ids=ids).pooler_output
        return cosine_similarity(seen.float(), said.float())

    def to_square(self, picture: Image.Image, side: int) -> Image.Image:
        """The square of a picture that is looked at."""
        return cropped(picture, side)
