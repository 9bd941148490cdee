"""Prompts in, images out: the pipeline, its recipe, loading, and the files of a run. No decoding loop and no drawing.

``from scalingar.pipeline import ImagePipeline`` works without importing torch before it is used.
"""

from importlib import import_module
from typing import Any

__all__ = ["ImagePipeline"]


def __getattr__(name: str) -> Any:
    """Names are imported when first used."""
    if name not in __all__:
        raise AttributeError(f"module 'scalingar.pipeline' has no attribute {name!r}")
    return getattr(import_module("scalingar.pipeline.pipeline"), name)
