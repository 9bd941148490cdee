"""Cosine similarity of an image and a text in CLIP, T2I-CompBench's measure for actions."""

from typing import ClassVar

import torch
from PIL import Image

from scalingar.bench.judges.pretrained import PretrainedJudge
from scalingar.models.hf.clip_pixels import cropped, normalised

MAX_TOKENS = 77
"""Longer texts are truncated."""


class ClipSimilarity(PretrainedJudge):
    """Cosine similarity in CLIP, in [-1, 1]; for an image and its caption around 0.3."""

    kind: ClassVar[str] = "clip"
    architecture: ClassVar[str] = "CLIPModel"
    default: ClassVar[str] = "openai/clip-vit-base-patch32"

    @torch.inference_mode()
    def __call__(self, image: Image.Image, text: str) -> float:
        """The similarity of the text and the square in the middle of the image."""
        pixels = self.to_network(normalised([cropped(image, self.network.config.vision_config.image_size)]))
        ids = self.tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")["input_ids"]
        image_features = self.network.get_image_features(pixel_values=pixels).pooler_output.float()
        text_features = self.network.get_text_features(input_ids=ids.to(pixels.device)).pooler_output.float()
        return float(torch.cosine_similarity(image_features, text_features)[0])
