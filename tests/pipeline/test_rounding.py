"""What only rounding changes, batch size, thread count and the last digits of logits, changes no decision."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from scalingar import ImagePipeline
from scalingar.bench.benchmarks.geneval.prompts import official_prompts
from scalingar.core.device.threads import torch_threads
from scalingar.models.llamagen.kv_cache import KVCache
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.pipeline.output import ImageOutput
from tests.shapes import unchecked

IMAGES = 96
SHAKEN = 1e-6
"""Share by which each logit is moved."""


@contextmanager
def shaken_logits(patch: pytest.MonkeyPatch) -> Iterator[None]:
    generator, step = torch.Generator().manual_seed(0), LlamaGen.step

    def shaken(self: LlamaGen, codes: Tensor, positions: Tensor, cache: KVCache) -> Tensor:
        logits = step(self, codes, positions, cache)
        return logits * (1 + SHAKEN * torch.randn(logits.shape, generator=generator))

    with patch.context() as inner:
        inner.setattr(LlamaGen, "step", shaken)
        yield


def decisions(output: ImageOutput) -> list[tuple[object, ...]]:
    """What was decided for each trajectory: how far it came, why it ended, and whether it was chosen."""
    return [
        (image, candidate.index, candidate.cut, result.chosen == place, candidate.codes.tolist())
        for image, result in enumerate(output.results)
        for place, candidate in enumerate(result.candidates)
    ]


def test_rounding_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = ImagePipeline.from_pretrained("embedded")
    prompts = [line.prompt for line in official_prompts()][:: 553 // IMAGES][:IMAGES]

    def run(max_rows: int | None) -> list[tuple[object, ...]]:
        output = pipe(
            prompts, num_trajectories=4, strategy="scaling-ar", seed=3, max_rows=max_rows, output_type="codes"
        )
        return decisions(output)

    with unchecked(), torch_threads(1):  # shapes are checked by shorter tests; here that takes most of the time
        together = run(None)
    with unchecked(), torch_threads(2), shaken_logits(monkeypatch):
        apart = run(48)
    assert len(together) == 4 * IMAGES
    assert sum(cut is not None for _, _, cut, *_ in together) > 2 * IMAGES  # there was something to decide
    assert [mine for mine, other in zip(together, apart, strict=True) if mine != other] == []
