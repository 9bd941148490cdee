"""How the authors of published weights sample from them, and how they pad captions."""

from dataclasses import dataclass
from typing import Literal

from scalingar.core.sampling_config import SamplingConfig


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What a pipeline takes over from a checkpoint's authors."""

    guidance_scale: float
    sampling: SamplingConfig
    padding: Literal["left", "right"] = "left"
    zero_pads: bool = True
