"""The colour of an object by zero-shot CLIP, as GenEval asks it."""

from functools import cache
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor

from scalingar.bench.judges.detectors.detector import COLOR_CLASSIFIERS, Detection
from scalingar.bench.judges.pretrained import PretrainedJudge
from scalingar.core.errors import BenchmarkError, WeightsError
from scalingar.core.pixels import rgb
from scalingar.models.embedded.vocabulary import COLORS
from scalingar.models.hf.clip_pixels import cropped, normalised

TEMPLATES = ("a photo of a {color} {name}", "a photo of a {color}-colored {name}", "a photo of a {color} object")
BACKGROUND = "#999"


@COLOR_CLASSIFIERS.register("clip")
class ClipColors(PretrainedJudge):
    """CLIP ViT-L/14, asked as GenEval asks it.

    It compares the masked crop of an object with sentences about its class in each of the ten colours.
    """

    kind: ClassVar[str] = "clip"
    architecture: ClassVar[str] = "CLIPModel"
    default: ClassVar[str] = "openai/clip-vit-large-patch14"
    needs_masks = True

    def __init__(self, *args: Any, **settings: Any) -> None:
        """As of every :class:`PretrainedNetwork`."""
        super().__init__(*args, **settings)
        self._sentences = cache(self._embed)

    def check(self, network: Any) -> None:
        """Raises WeightsError for plain GELU.

        OpenAI's weights were trained with QuickGELU; with the other activation their answers are worse, without any
        error.
        """
        config = network.config
        for part, activation in (("text", config.text_config.hidden_act), ("image", config.vision_config.hidden_act)):
            if activation != "quick_gelu":
                raise WeightsError(
                    f"the {part} half of {self.source} uses {activation}, not quick_gelu; use {self.default}."
                )

    @torch.inference_mode()
    def __call__(self, image: Image.Image, detection: Detection) -> str:
        """The most similar colour. Raises BenchmarkError for a detection without mask."""
        crop = masked_crop(image, detection)
        pixels = self.to_network(normalised([cropped(crop, self.network.config.vision_config.image_size)]))
        features = self.network.get_image_features(pixel_values=pixels).pooler_output.float()
        similarity = features @ self._sentences(detection.name).T  # the norm of the image's features changes no argmax
        return COLORS[int(similarity.argmax())]

    @torch.inference_mode()
    def _embed(self, name: str) -> Float[Tensor, "10 d"]:
        """The mean embedding of each colour's sentences, normalised before and after averaging."""
        texts = [template.format(color=color, name=name) for color in COLORS for template in TEMPLATES]
        tokens = self.tokenizer(texts, padding=True, padding_side="right", return_tensors="pt").to(self.network.device)
        features = self.network.get_text_features(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        ).pooler_output.float()
        features = features / features.norm(dim=-1, keepdim=True)
        means = features.view(len(COLORS), len(TEMPLATES), -1).mean(1)
        return means / means.norm(dim=-1, keepdim=True)


def masked_crop(image: Image.Image, detection: Detection) -> Image.Image:
    """The object on a grey background, cropped to its box. Raises BenchmarkError for a detection without mask."""
    image = rgb(ImageOps.exif_transpose(image))
    if detection.mask is None:
        raise BenchmarkError(f"the {detection.name} at {detection.box} has no mask; GenEval's colours need one.")
    if detection.mask.shape != (image.height, image.width):
        raise BenchmarkError(
            f"the mask of the {detection.name} has {detection.mask.shape} pixels, the image "
            f"{(image.height, image.width)}; detect on the same image."
        )
    grey = Image.new("RGB", image.size, color=BACKGROUND)
    x0, y0, x1, y1 = (round(side) for side in detection.box)
    return Image.composite(image, grey, Image.fromarray(detection.mask)).crop((x0, y0, x1, y1))
