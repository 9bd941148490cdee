"""The sampling and caption padding that the authors of published weights use."""

from dataclasses import dataclass
from typing import Literal

from scalingar.core.sampling_config import SamplingConfig


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """A pipeline's defaults, from the authors of its checkpoint."""

    guidance_scale: float
    sampling: SamplingConfig
    padding: Literal["left", "right"] = "left"
    zero_pads: bool = True
