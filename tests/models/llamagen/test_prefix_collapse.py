"""One cache slot in place of the whole condition: the same logits to fp32 rounding, and a smaller cache."""

import pytest
import torch
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.decoding.trajectories import Trajectories
from scalingar.models.llamagen.kv_cache import KVCache
from scalingar.models.llamagen.transformer import LlamaGen
from tests.tiny import llamagen as tiny
from tests.upstream import reference

MASKS = [[0, 0, 0, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1], [1, 1, 0, 0, 0]]
"""Padded on the left, full, with one valid slot, and padded on the right (AR-GRPO)."""


def text_model(collapse: bool | None) -> LlamaGen:
    return tiny.tiny_llamagen(tiny.TEXT_CONFIG, collapse_prefix=collapse)


def captions(rows: int = 4) -> tuple[Tensor, Tensor]:
    features = torch.randn(rows, 5, tiny.TEXT_CONFIG.caption_dim, generator=torch.Generator().manual_seed(2))
    return features, torch.tensor(MASKS[:rows])


def teacher_forced(model: LlamaGen, *, mask: bool = True) -> tuple[Tensor, KVCache]:
    """Logits of prefill and all steps, both branches."""
    features, valid = captions()
    codes = torch.randint(16, (4, 16), generator=torch.Generator().manual_seed(1)).repeat(2, 1)
    logits, cache = model.prefill(model.condition(features, valid if mask else None), guided=True)
    steps = [logits, *(model.step(codes[:, i], torch.full((8,), i), cache) for i in range(15))]
    return torch.stack(steps), cache


@pytest.mark.parametrize("name", ["llamagen_t2i", "basic/gpt_t2i"])
@pytest.mark.parametrize("collapse", [True, False])
@torch.inference_mode()
def test_official_logits_either_way(name: str, collapse: bool) -> None:
    file = reference.load(name)
    model = reference.llamagen(file, collapse_prefix=collapse)
    codes = file["tokens_in"].long().repeat(2, 1)
    logits, cache = model.prefill(reference.condition(model, file), guided=True)
    steps = [logits]
    for i in range(codes.shape[1] - 1):
        steps.append(model.step(codes[:, i], torch.full((len(codes),), i), cache))
    assert cache.collapsed == collapse
    torch.testing.assert_close(torch.stack(steps), file["logits_cond_then_uncond"], atol=2e-5, rtol=0)


@pytest.mark.parametrize("mask", [True, False])
@torch.inference_mode()
def test_ragged_captions_give_the_same_logits_in_both_branches(mask: bool) -> None:
    full, large = teacher_forced(text_model(False), mask=mask)
    collapsed, small = teacher_forced(text_model(True), mask=mask)
    torch.testing.assert_close(collapsed, full, atol=1e-5, rtol=1e-5)
    assert not large.collapsed
    assert small.collapsed
    assert large.nbytes * (1 + 15) == small.nbytes * (5 + 15)


@torch.inference_mode()
def test_rows_at_different_places_and_after_a_cut() -> None:
    """Select, then let the rows fall out of step: as without the collapse."""
    logits = []
    for collapse in (False, True):
        model = text_model(collapse)
        _, cache = model.prefill(model.condition(*captions()), guided=False)
        model.step(torch.tensor([1, 2, 3, 4]), torch.zeros(4, dtype=torch.long), cache)
        cache = cache.select(torch.tensor([3, 0, 3]))
        model.step(torch.tensor([5, 6, 7]), torch.tensor([1, 1, 1]), cache)
        model.step(torch.tensor([8, 6, 9]), torch.tensor([2, 1, 2]), cache)
        logits.append(model.step(torch.tensor([4, 4, 4]), torch.tensor([3, 2, 3]), cache))
    torch.testing.assert_close(logits[1], logits[0], atol=1e-5, rtol=1e-5)


def test_trajectories_draw_the_same_codes_and_hold_fewer_bytes() -> None:
    def drawn(collapse: bool) -> Trajectories:
        decoder = NextTokenDecoder(model=text_model(collapse))
        noise = TrajectoryNoise.for_prompts([0] * 4, [[0, 1]] * 4)
        live = decoder.start(decoder.model.condition(*captions()), [[0, 1]] * 4, noise, branches=2)
        live = tiny.decode(decoder, live, until=6)
        return tiny.decode(decoder, live.select(torch.tensor([0, 3, 7])))

    full, collapsed = drawn(False), drawn(True)
    assert torch.equal(collapsed.codes, full.codes)
    assert full.cache.nbytes * 16 == collapsed.cache.nbytes * 20


def test_default_is_fp32_with_vanishing_keys_and_more_than_one_slot() -> None:
    assert tiny.tiny_llamagen(tiny.TEXT_CONFIG).collapses
    assert not tiny.tiny_llamagen(tiny.TEXT_CONFIG).bfloat16().collapses
    assert not tiny.tiny_llamagen(tiny.CLASS_CONFIG).collapses
    assert not tiny.tiny_llamagen(tiny.WORDS_CONFIG).collapses
    assert not text_model(False).collapses


def test_a_condition_with_positions_cannot_be_collapsed() -> None:
    with pytest.raises(ConfigError, match=r"collapse_prefix is True; this model's condition has positions"):
        tiny.tiny_llamagen(tiny.WORDS_CONFIG, collapse_prefix=True)


@torch.inference_mode()
def test_bf16_collapses_when_asked() -> None:
    """Near the full computation, not equal to it: hence off by default."""
    full, _ = teacher_forced(text_model(False).bfloat16())
    collapsed, cache = teacher_forced(text_model(True).bfloat16())
    assert cache.collapsed
    assert cache.values[0].dtype == torch.bfloat16
    assert 0 < (full - collapsed).abs().max() < 0.2
