"""What loading hands to a pipeline."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scalingar.decoding.sampling import SamplingConfig
from scalingar.defaults import Defaults
from scalingar.models.checkpoint import file_hashes
from scalingar.prompts import PromptEncoder


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The parts of a pipeline; see :class:`scalingar.pipeline.ImagePipeline`."""

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
