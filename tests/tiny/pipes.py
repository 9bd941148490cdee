"""Pipelines around the tiny models, for tests above the decoding loop."""

from dataclasses import dataclass, field

import torch

from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.embedded.grammar import TERMINALS
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.prompts.encoders import GrammarEncoder
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny import llamagen as tiny

CONFIG = tiny.WORDS_CONFIG.model_copy(update={"condition_tokens": 8, "condition_vocab": len(TERMINALS)})
PROMPT = "a photo of a red apple left of a dog"


@dataclass(frozen=True)
class Defaults:
    """What a loaded model brings for a recipe that leaves it open."""

    guidance_scale: float = 3.0
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    own_reward: str | None = "pmi"
    own_verifier: str | None = None
    name: str = "tiny"


def tiny_pipe(model: LlamaGen | None = None, *, cuda_graphs: bool | None = None) -> ImagePipeline:
    """Reads the embedded world's prompts, draws 16 x 16 pixels of noise, guided at 3."""
    model = model or tiny.tiny_llamagen(CONFIG, seed=1)
    model.cuda_graphs = cuda_graphs
    return ImagePipeline(
        name="tiny",
        model=model,
        tokenizer=tiny.tiny_vq(),
        encode_prompts=GrammarEncoder(CONFIG.condition_tokens),
        guidance_scale=3.0,
        sampling=SamplingConfig(),
        own_reward="pmi",
    )


class Broken(LlamaGen):
    """Gives NaN logits in some rows (all when None) from one step on."""

    def __init__(self, rows: list[int] | None, at: int) -> None:
        super().__init__(CONFIG)
        self.load_state_dict(tiny.tiny_llamagen(CONFIG, seed=1).state_dict())
        self.eval()
        self.rows, self.at = rows, at

    def step(self, codes: torch.Tensor, positions: torch.Tensor, cache: object) -> torch.Tensor:
        """NaN for the chosen rows once ``at`` codes were fed."""
        logits = super().step(codes, positions, cache)  # type: ignore[arg-type]
        if int(positions.max()) == self.at:
            logits[self.rows if self.rows is not None else slice(None)] = torch.nan
        return logits
