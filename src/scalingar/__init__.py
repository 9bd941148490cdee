"""Test-time scaling for autoregressive image generation.

>>> from scalingar import ImagePipeline
>>> image = ImagePipeline.from_pretrained("embedded")("a photo of a dog").images[0]  # doctest: +SKIP
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("scalingar")
__all__ = ["ImagePipeline", "SamplingConfig", "__version__"]

_HOMES = {
    "ImagePipeline": "scalingar.pipeline.pipeline",
    "SamplingConfig": "scalingar.core.sampling_config",
}


def __getattr__(name: str) -> Any:
    """Names are imported when first used, so that ``scalingar --help`` does not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'scalingar' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
