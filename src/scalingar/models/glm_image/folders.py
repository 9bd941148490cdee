"""The folders in which GLM-Image is published: all of diffusers' parts, or transformers' model alone."""

from pathlib import Path

from scalingar.models.weights.json_file import read_object

PIPELINE_CLASS = "GlmImagePipeline"
"""In the ``model_index.json`` of the published folder."""


def is_whole(folder: Path) -> bool:
    """Whether it holds the diffusion part too, as published."""
    return read_object(folder / "model_index.json").get("_class_name") == PIPELINE_CLASS


def autoregressive_folder(folder: Path) -> Path:
    """Where transformers' model lies."""
    return folder / "vision_language_encoder" if is_whole(folder) else folder
