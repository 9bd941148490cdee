"""Cosine of an image and a text by CLIP, T2I-CompBench's measure of actions."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image

from scalingar.models.hf.clip_pixels import cropped, normalised
from scalingar.models.hf.loading import load_network, load_text_tokenizer

DEFAULT = "openai/clip-vit-base-patch32"
LONGEST = 77
"""Tokens of a text; the rest is not read."""


class ClipSimilarity:
    """In [-1, 1]; real pairs lie around 0.3."""

    def __init__(self, network: Any, tokenizer: Any, name: str) -> None:
        """``network``: a ``CLIPModel``."""
        self.network = network
        self.tokenizer = tokenizer
        self.name = f"clip {name}"

    @classmethod
    def load(cls, source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> "ClipSimilarity":
        """From a folder or a hub name. Raises WeightsError."""
        from transformers import CLIPModel  # noqa: PLC0415

        source = source or DEFAULT
        network = load_network(CLIPModel, source, device=device, dtype=dtype)
        return cls(network, load_text_tokenizer(source), str(source))

    @torch.inference_mode()
    def __call__(self, image: Image.Image, text: str) -> float:
        """Of the square in the middle of the image."""
        parameter = next(self.network.parameters())
        pixels = normalised([cropped(image, self.network.config.vision_config.image_size)]).to(parameter)
        ids = self.tokenizer(text, truncation=True, max_length=LONGEST, return_tensors="pt")["input_ids"]
        image_features = self.network.get_image_features(pixel_values=pixels).pooler_output.float()
        text_features = self.network.get_text_features(input_ids=ids.to(parameter.device)).pooler_output.float()
        return float(torch.cosine_similarity(image_features, text_features)[0])
