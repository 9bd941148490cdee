"""The defaults of the published families."""

from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.defaults import Defaults
from scalingar.models.llamagen.released import Family

DEFAULTS: dict[Family, Defaults] = {
    "llamagen-c2i": Defaults(guidance_scale=4.0, sampling=SamplingConfig(top_k=2000)),
    "llamagen-t2i": Defaults(guidance_scale=7.5, sampling=SamplingConfig(top_k=1000)),
    "ar-grpo-c2i": Defaults(guidance_scale=2.0, sampling=SamplingConfig()),
    "ar-grpo-t2i": Defaults(guidance_scale=7.5, sampling=SamplingConfig(top_k=2000), padding="right", zero_pads=False),
}
"""LlamaGen: the samplers' own. AR-GRPO: its GenEval run (text) and its training (class)."""

VAR_DEFAULTS = Defaults(guidance_scale=5.0, sampling=SamplingConfig(top_k=900, top_p=0.95))
"""Of VAR's demonstration, whose cfg = 4 is s = 5 here. FID was measured at cfg = 1.5, top-p 0.96, top-k 900."""


def infinity_defaults(size: str | None) -> Defaults:
    """Of Infinity's scripts; ``size``: see :func:`scalingar.models.infinity.released.infinity_size`.

    The scripts say temperature 0.5 for 2B and 1 for 8B; of 125M, which they do not mention, others say both.
    """
    temperature = 1.0 if size == "8B" else 0.5
    return Defaults(guidance_scale=3.0, sampling=SamplingConfig(temperature=temperature, top_p=0.97))
