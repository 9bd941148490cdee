"""Sampling settings: a checkpoint has its authors' defaults, a recipe may change them."""

from pydantic import Field

from scalingar.core.settings import Settings


class SamplingConfig(Settings):
    """How a code is drawn. Order: temperature, top-k, top-p, softmax, draw."""

    temperature: float = Field(1.0, ge=0, description="divides the logits; at 0 nearly greedy")
    top_k: int = Field(0, ge=0, description="keep the k largest logits, ties included; 0 keeps all")
    top_p: float = Field(1.0, gt=0, le=1, description="keep the smallest set of this probability")
    entropy_temperature: bool = Field(
        False, description="ARsample: a code's temperature times 2.5 exp(-H / 3) + 0.6, H the entropy of its logits"
    )
    greedy: bool = Field(False, description="take the most probable code, draw nothing")
    guidance_interval: int = Field(
        -1, ge=-1, description="guide codes 0 to this plus one (LlamaGen's cfg_interval); -1 guides all"
    )
