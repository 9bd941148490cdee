"""A step on a cache of fixed length gives the logits of the growing one, through cuts, forks and joins."""

import pytest
import torch
from torch import Tensor

from scalingar.models.llamagen.fixed_cache import FixedCache
from scalingar.models.llamagen.transformer import LlamaGen
from tests.tiny import llamagen as tiny

CAPTIONS = tiny.WORDS_CONFIG.model_copy(update={"condition": "text", "condition_positions": "zero"})
MODELS = {
    "words": (tiny.WORDS_CONFIG, None),
    "captions": (CAPTIONS, False),
    "captions, collapsed": (CAPTIONS, True),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> LlamaGen:
    config, collapse = MODELS[request.param]
    return tiny.tiny_llamagen(config, collapse_prefix=collapse)


def prefilled(model: LlamaGen, prompts: int = 2) -> FixedCache:
    config = model.config
    if config.condition == "words":
        condition = model.condition(torch.arange(prompts * 5).view(prompts, 5) % 12)
    else:
        features = torch.randn(prompts, 5, config.caption_dim, generator=torch.Generator().manual_seed(2))
        condition = model.condition(features, torch.arange(5) >= torch.arange(prompts)[:, None])
    return model.prefill(condition, guided=True)[1]  # type: ignore[return-value]


@torch.inference_mode()
def run(model: LlamaGen) -> list[Tensor]:
    """Logits of steps with six rows, four, eight, and two more that stand elsewhere."""
    cache = prefilled(model).select(torch.tensor([0, 0, 1, 2, 2, 3]))
    codes, positions, steps = torch.arange(6), torch.zeros(6, dtype=torch.long), []
    for step in range(12):
        chosen = {3: [0, 2, 3, 5], 5: [0, 0, 1, 1, 2, 2, 3, 3], 10: [7, 9, 1]}.get(step)
        if chosen is not None:
            cache, codes, positions = cache.select(torch.tensor(chosen)), codes[chosen], positions[chosen]
        if step == 8:
            fresh = prefilled(model, 1)
            cache = cache.join(fresh, torch.arange(10))
            codes, positions = torch.cat([codes, codes[:2]]), torch.cat([positions, torch.zeros(2, dtype=torch.long)])
        if step == 9:
            cache.overwrite(torch.tensor([1, 4]), prefilled(model, 1))
            positions[[1, 4]] = 0
        steps.append(model.step(codes, positions, cache).clone())
        codes, positions = steps[-1].argmax(-1), positions + 1
    return steps


def test_logits_are_those_of_the_growing_cache(model: LlamaGen) -> None:
    model.cuda_graphs = False
    expected = run(model)
    model.cuda_graphs = True
    for step, logits in zip(expected, run(model), strict=True):
        torch.testing.assert_close(logits, step, atol=2e-5, rtol=0)


def test_a_copy_is_outside_the_arena(model: LlamaGen) -> None:
    model.cuda_graphs = True
    cache = prefilled(model)
    codes, positions = torch.arange(4), torch.zeros(4, dtype=torch.long)
    copy = cache.copy(torch.tensor([2, 1]))
    expected = model.step(codes, positions, cache)[[2, 1]]
    torch.testing.assert_close(model.step(codes[[2, 1]], positions[:2], copy), expected, atol=2e-5, rtol=0)


@torch.inference_mode()
def test_batches_do_not_share_memory_until_one_is_gone(model: LlamaGen) -> None:
    model.cuda_graphs = True
    codes, positions = torch.arange(4), torch.zeros(4, dtype=torch.long)
    first, second = prefilled(model), prefilled(model)
    alone = model.step(codes, positions, first)
    assert model.step(codes.flip(0), positions, second) is not alone
    assert torch.equal(alone, model.step(codes, positions, first))
    arena = first.lease.arena if first.lease else None
    del first, alone
    third = prefilled(model)
    model.step(codes, positions, third)
    assert third.lease is not None
    assert third.lease.arena is arena
