"""The compiled step: the plain one's logits to rounding, one program for many rows, and an error without a compiler."""

import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters

from scalingar.core.errors import ConfigError
from scalingar.models.llamagen.compiling import compiled
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.kv_cache import KVCache
from scalingar.models.llamagen.transformer import LlamaGen
from tests.shapes import unchecked
from tests.tiny import llamagen as tiny

HEADERS = Path(sysconfig.get_path("include")) / "Python.h"
needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None or not HEADERS.is_file(),
    reason="torch.compile needs g++ and Python's headers",
)


def programs() -> int:
    """Made so far."""
    return counters["stats"]["unique_graphs"]


def drawn(rows: int) -> Tensor:
    return torch.randint(16, (rows, 16), generator=torch.Generator().manual_seed(1))


def started(model: LlamaGen, rows: int) -> KVCache:
    """A cache of ``rows`` after the condition, whose captions are of different lengths where there are any."""
    if model.config.condition == "class":
        return model.prefill(model.condition(torch.arange(rows)[:, None]), guided=False)[1]
    features = torch.randn(rows, 5, model.config.caption_dim, generator=torch.Generator().manual_seed(2))
    valid = torch.arange(5) >= torch.arange(rows)[:, None] % 4
    return model.prefill(model.condition(features, valid), guided=False)[1]


def pruned_run(model: LlamaGen) -> list[Tensor]:
    """Logits of all steps, from six rows down to two."""
    cache, codes, steps = started(model, 6), drawn(6), []
    for place in range(15):
        if place in {5, 10}:
            kept = torch.arange(len(codes) - 2)
            cache, codes = cache.select(kept), codes[kept]
        steps.append(model.step(codes[:, place], torch.full((len(codes),), place), cache))
    return steps


def ragged_run(model: LlamaGen) -> list[Tensor]:
    """Logits of all steps of rows that stand at different codes; one of the three ends early."""
    cache, codes, starts = started(model, 3), drawn(3), torch.tensor([4, 0, 2])
    steps = []
    for place in range(4):  # the rows ahead fill their slots first
        steps.append(model.step(codes[:, place], torch.full((3,), place), cache))
    for place in range(8):
        if place == 5:
            cache, codes, starts = cache.select(torch.tensor([2, 0])), codes[[2, 0]], starts[[2, 0]]
        at = starts + place
        steps.append(model.step(codes.gather(1, at[:, None])[:, 0], at, cache))
    return steps


@needs_compiler
@pytest.mark.parametrize(
    ("config", "run", "made"),
    [
        pytest.param(tiny.CLASS_CONFIG, pruned_run, 1, id="one program for all positions and rows"),
        pytest.param(tiny.TEXT_CONFIG, ragged_run, 2, id="one for rows in step, one for rows that are not"),
    ],
)
@unchecked()
@torch.inference_mode()
def test_the_same_logits_to_rounding(
    config: LlamaGenConfig, run: Callable[[LlamaGen], list[Tensor]], made: int
) -> None:
    model = tiny.tiny_llamagen(config)
    plain, before = run(model), programs()
    model.compile()
    fused = run(model)
    assert programs() == before + made
    for ours, theirs in zip(fused, plain, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_failure_is_one_sentence() -> None:
    def backend(*_: object) -> None:
        raise RuntimeError("no compiler anywhere.\nand more")

    broken = compiled(torch.sin, backend=backend)
    with pytest.raises(
        ConfigError, match=r"^compile: torch.compile failed here \(.*no compiler anywhere\); on the CPU"
    ):
        broken(torch.ones(2))
