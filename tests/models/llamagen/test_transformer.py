"""The training pass against the official code, and the promises the cache rests on.

Parity of the cache is in ``tests/doctor/test_golden.py``.
"""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from scalingar.models.llamagen.condition import Condition
from scalingar.models.llamagen.config import SIZES, LlamaGenConfig, swiglu_width
from scalingar.models.llamagen.kv_cache import KVCache
from scalingar.models.llamagen.transformer import LlamaGen
from tests.tiny import llamagen as tiny
from tests.upstream import reference

ATOL = 1e-4


def teacher_forced(model: LlamaGen, condition: Condition, codes: Tensor) -> Tensor:
    """Logits ``(t, 2p, v)`` of prefill and single steps through the cache, rows cond then uncond."""
    logits, cache = model.prefill(condition, guided=True)
    steps = [logits]
    for i in range(codes.shape[1] - 1):
        both = torch.cat([codes[:, i], codes[:, i]])
        steps.append(model.step(both, torch.full((len(both),), i), cache))
    return torch.stack(steps)


@pytest.mark.parametrize("name", ["llamagen_c2i", "basic/gpt_c2i", "basic/gpt_c2i_hd20"])
@torch.inference_mode()
def test_training_forward_gives_the_official_logits(name: str) -> None:
    file = reference.load(name)
    model = reference.llamagen(file)
    condition = reference.condition(model, file)
    codes = file["tokens_in"].long()
    both = torch.cat([condition.conditional, condition.unconditional])
    logits = model(both, torch.cat([codes, codes])[:, :-1])
    expected = file["logits_cond_then_uncond"].transpose(0, 1)
    torch.testing.assert_close(logits, expected, atol=ATOL, rtol=0)


@pytest.mark.parametrize("config", [tiny.WORDS_CONFIG, tiny.TEXT_CONFIG, tiny.CLASS_CONFIG])
@torch.inference_mode()
def test_training_forward_equals_the_cache(config: LlamaGenConfig) -> None:
    model = tiny.tiny_llamagen(config)
    condition = model.condition(inputs_for(config, 2))
    codes = torch.randint(16, (2, 16), generator=torch.Generator().manual_seed(1))
    cached = teacher_forced(model, condition, codes).transpose(0, 1)
    both = torch.cat([condition.conditional, condition.unconditional])
    torch.testing.assert_close(model(both, torch.cat([codes, codes])[:, :-1]), cached, atol=1e-5, rtol=1e-5)


def inputs_for(config: LlamaGenConfig, prompts: int) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    shape = (prompts, config.condition_tokens)
    if config.condition == "text":
        return torch.randn(*shape, config.caption_dim, generator=generator)
    return torch.randint(config.condition_vocab, shape, generator=generator)


@torch.inference_mode()
def test_ragged_rows_equal_each_row_alone() -> None:
    """Rows at different positions of one batch get the logits they would get alone."""
    model = tiny.tiny_llamagen(tiny.TEXT_CONFIG)
    lengths = [2, 9, 5]
    features = inputs_for(tiny.TEXT_CONFIG, 3)
    mask = torch.tensor([[0, 0, 0, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]])
    codes = torch.randint(16, (3, 16), generator=torch.Generator().manual_seed(3))
    caches, alone = [], []
    for row, length in enumerate(lengths):
        here = slice(row, row + 1)
        _, cache = model.prefill(model.condition(features[here], mask[here]), guided=False)
        for i in range(length):
            model.step(codes[here, i], torch.tensor([i]), cache)
        caches.append(stack([cache]))
        alone.append(model.step(codes[here, length], torch.tensor([length]), cache))
    positions = torch.tensor(lengths)
    last = codes[torch.arange(3), positions]
    together = model.step(last, positions, stack(caches))
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


def stack(caches: list[KVCache]) -> KVCache:
    """A new cache holding the rows of all."""
    masks = [cache.prefix_mask for cache in caches if cache.prefix_mask is not None]
    return KVCache(
        [torch.cat(layers, 1) for layers in zip(*(cache.layers for cache in caches), strict=True)],
        torch.cat(masks) if masks else None,
    )


@torch.inference_mode()
def test_unfilled_slots_hold_no_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ragged batch reads slots that other rows have not filled: 0 * NaN would reach the logits."""
    empty = torch.empty

    def poisoned(*size: Any, **options: Any) -> Tensor:
        return empty(*size, **options).fill_(math.nan)

    model = tiny.tiny_llamagen()
    condition = model.condition(tiny.words((1, 2), (3,)))
    monkeypatch.setattr(torch, "empty", poisoned)
    _, cache = model.prefill(condition, guided=False)
    logits = model.step(torch.tensor([1, 2]), torch.tensor([0, 3]), cache)
    assert logits.isfinite().all()


@torch.inference_mode()
def test_one_valid_caption_slot_gives_finite_logits() -> None:
    model = tiny.tiny_llamagen(tiny.TEXT_CONFIG)
    mask = torch.zeros(2, 5)
    mask[0, -1] = mask[1, 0] = 1
    condition = model.condition(inputs_for(tiny.TEXT_CONFIG, 2), mask)
    codes = torch.zeros(2, 16, dtype=torch.long)
    assert teacher_forced(model, condition, codes).isfinite().all()


@torch.inference_mode()
def test_masked_caption_slots_change_nothing() -> None:
    """Neither branch sees what stands in a slot that is not valid."""
    model = tiny.tiny_llamagen(tiny.TEXT_CONFIG)
    features = inputs_for(tiny.TEXT_CONFIG, 1)
    mask = torch.tensor([[0, 0, 1, 1, 1]])
    codes = torch.zeros(1, 16, dtype=torch.long)
    before = teacher_forced(model, model.condition(features, mask), codes)
    features[:, :2] = 100.0
    assert torch.equal(teacher_forced(model, model.condition(features, mask), codes), before)
    assert isinstance(model.cls_embedding.uncond_embedding, Tensor)
    model.cls_embedding.uncond_embedding[2:] += 1.0
    assert not torch.equal(teacher_forced(model, model.condition(features, mask), codes), before)


@torch.inference_mode()
def test_word_order_matters_with_positions_and_not_without() -> None:
    def first_logits(config: LlamaGenConfig, *prompt: int) -> Tensor:
        model = tiny.tiny_llamagen(config)
        return model.prefill(model.condition(tiny.words(prompt)), guided=False)[0]

    ordered = tiny.WORDS_CONFIG
    assert not torch.allclose(first_logits(ordered, 1, 2, 3), first_logits(ordered, 2, 1, 3))
    # One layer: its last slot sees an unordered set. Deeper ones see order through causality only.
    bare = ordered.model_copy(update={"layers": 1, "condition_positions": "zero"})
    torch.testing.assert_close(first_logits(bare, 1, 2, 3), first_logits(bare, 2, 1, 3))


def test_bf16_keeps_the_rotary_table_in_fp32() -> None:
    model = tiny.tiny_llamagen()
    table = model.rope.clone()
    model = model.bfloat16()
    assert model.dtype == torch.bfloat16
    assert model.rope.dtype == torch.float32
    assert torch.equal(model.rope, table)
    logits, cache = model.prefill(model.condition(tiny.words((1, 2))), guided=True)
    assert logits.dtype == torch.float32
    assert cache.keys[0].dtype == torch.bfloat16


def test_bf16_stays_close_to_fp32() -> None:
    model = tiny.tiny_llamagen()
    codes = torch.zeros(1, 16, dtype=torch.long)
    with torch.inference_mode():
        exact = teacher_forced(model, model.condition(tiny.words((1, 2))), codes)
        model = model.bfloat16()
        coarse = teacher_forced(model, model.condition(tiny.words((1, 2))), codes)
    assert 0 < (exact - coarse).abs().max() < 0.2


def test_rotary_table_is_no_weight() -> None:
    assert "rope" not in tiny.tiny_llamagen().state_dict()


def test_null_condition_is_its_own_row() -> None:
    model = tiny.tiny_llamagen(tiny.CLASS_CONFIG)
    condition = model.condition(torch.tensor([[3], [12]]))
    assert torch.equal(condition.unconditional[0], condition.conditional[1])
    assert not torch.equal(condition.unconditional[0], condition.conditional[0])


def test_without_guidance_there_is_one_branch() -> None:
    model = tiny.tiny_llamagen()
    condition = model.condition(tiny.words((1,), (2,)))
    guided, guided_cache = model.prefill(condition, guided=True)
    plain, plain_cache = model.prefill(condition, guided=False)
    assert guided_cache.rows == 4
    assert plain_cache.rows == 2
    torch.testing.assert_close(guided[:2], plain, atol=1e-5, rtol=0)
    assert plain_cache.keys[0].shape == (2, 2, 5 + 16 - 1, 16)


PARAMETERS = {
    ("B", "class"): 110.89,
    ("L", "class"): 342.91,
    ("XL", "class"): 774.70,
    ("XL", "text"): 777.68,
    ("XXL", "class"): 1410.97,
    ("3B", "class"): 3096.66,
    ("3B", "text"): 3110.25,
}


@pytest.mark.parametrize(("size", "condition"), PARAMETERS)
def test_published_sizes(size: str, condition: str) -> None:
    assert condition in ("class", "text")
    config = LlamaGenConfig.published(size, (16, 16), "text" if condition == "text" else "class")
    with torch.device("meta"):
        model = LlamaGen(config)
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    assert millions == pytest.approx(PARAMETERS[size, condition], abs=0.006)


def test_swiglu_widths_of_the_published_sizes() -> None:
    widths = {size: swiglu_width(dim) for size, (_, _, dim) in SIZES.items()}
    assert widths == {
        "B": 2048,
        "L": 2816,
        "XL": 3584,
        "XXL": 4096,
        "XXXL": 6912,
        "1B": 5632,
        "3B": 8704,
        "7B": 11008,
    }
