"""A model folder small enough for any test, and finished runs to draw pictures of."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from scalingar.core.outputs import Candidate, Cut, PromptResult
from scalingar.models.embedded.grammar import TERMINALS
from scalingar.models.llamagen.family import FAMILY
from scalingar.models.model_folder import PackageInfo
from tests.tiny import llamagen as tiny

GRID = (4, 4)


def save_tiny_package(folder: Path, *, seed: int = 0, broken: bool = False) -> Path:
    """Random weights that read the embedded world's words; ``broken`` ones give logits that are not numbers."""
    config = tiny.WORDS_CONFIG.model_copy(update={"condition_tokens": 8, "condition_vocab": len(TERMINALS)})
    model = tiny.tiny_llamagen(config, seed=seed)
    if broken:
        with torch.no_grad():
            model.output.weight.fill_(3e38)  # finite, as weights must be, but their products are not
    info = PackageInfo(name="tiny", family=FAMILY.name, guidance_scale=2.0, reward="pmi")
    FAMILY.save(folder, info, model, tiny.tiny_vq(seed=seed), torch.float32)
    return folder


def candidate(index: int, *, steps: int = 16, reason: str | None = None, prompt: str = "a dog") -> Candidate:
    """A trajectory whose confidence falls with its number; one with a reason was cut after its last value."""
    rng = np.random.default_rng(index)
    falling = np.linspace(0.8, 0.5 - 0.05 * index, steps).astype(np.float32)
    return Candidate(
        prompt=prompt,
        index=index,
        codes=torch.arange(steps if reason is None else steps - 1),
        cut=None if reason is None else Cut(steps - 1, reason),
        signals={"final_confidence": float(falling[-1]), "pmi": float("nan")},
        trace={
            "C": falling,
            "s": np.full(steps, 2.0, np.float32),
            "theta": np.where(np.arange(steps) < 2, np.nan, 0.5).astype(np.float32),
            "entropy": rng.random(steps, np.float32),
        },
        image=None if reason else Image.new("RGB", (16, 16), (10 * index, 120, 200)),
    )


def result(prompt: str = "a dog", *, cut: int = 2, finished: int = 2) -> PromptResult:
    """The last ones were cut at different steps; number 0 is chosen."""
    whole = [candidate(index, prompt=prompt) for index in range(finished)]
    parts = [
        candidate(finished + i, steps=5 + i, reason="confidence below threshold", prompt=prompt) for i in range(cut)
    ]
    return PromptResult(prompt, 7, [*whole, *parts], 0)
