"""What loading hands to a pipeline."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.defaults import Defaults
from scalingar.models.prompts.encoders import PromptEncoder
from scalingar.models.weights.checkpoint import file_hashes


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The parts of a pipeline; see :class:`scalingar.pipeline.pipeline.ImagePipeline`."""

    name: str
    model: Any
    tokenizer: Any
    encode_prompts: PromptEncoder
    guidance_scale: float
    sampling: SamplingConfig
    hashes: dict[str, str]

    @classmethod
    def of(
        cls,
        name: str | Path,
        model: Any,
        tokenizer: Any,
        encode_prompts: PromptEncoder,
        defaults: Defaults,
        *places: str | Path,
    ) -> "Loaded":
        """With the authors' defaults, and the hashes of the weight files in ``places``."""
        return cls(
            name=str(name),
            model=model,
            tokenizer=tokenizer,
            encode_prompts=encode_prompts,
            guidance_scale=defaults.guidance_scale,
            sampling=defaults.sampling,
            hashes=file_hashes(*places),
        )
