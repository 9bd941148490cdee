"""Infinity's transformer on small random weights; parity with the official code is in ``tests/doctor``."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from scalingar.core.errors import ConfigError, PromptError
from scalingar.models.infinity.bsq import BitQuantizer
from scalingar.models.infinity.config import InfinityConfig, feed_forward_width
from scalingar.models.infinity.schedules import InfinitySchedule, infinity_schedule
from scalingar.models.infinity.text import TextCondition
from scalingar.models.infinity.transformer import Infinity
from scalingar.models.scales.scale_cache import PromptMemory, ScaleCache, TextMemory
from tests.tiny import infinity as tiny

QUANTIZER = BitQuantizer.on(tiny.SCHEDULE, 4)
ALMOST: dict[str, Any] = {"atol": 1e-5, "rtol": 1e-5}


def inputs(codes: list[Tensor]) -> list[Tensor]:
    """What the transformer reads at scales 1 and later."""
    latent, features = QUANTIZER.start(len(codes[0]), "cpu"), []
    for scale in range(1, len(codes)):
        latent = QUANTIZER.accumulate(latent, codes[scale - 1], scale - 1)
        features.append(QUANTIZER.features(latent, scale))
    return features


def incremental(model: Infinity, condition: TextCondition, codes: list[Tensor], *, guided: bool = True) -> list[Tensor]:
    """Teacher-forced logits ``(b, l, g, 2)`` of every scale through the cache."""
    cache = model.prefill(condition, guided=guided)
    return [model.step(features, scale, cache) for scale, features in enumerate([None, *inputs(codes)])]


def test_one_pass_over_all_scales_equals_the_cache() -> None:
    model = tiny.tiny_infinity()
    condition = model.condition(*tiny.texts(5, 2))
    codes = tiny.bits(2)
    whole = model(condition.conditional, torch.cat(inputs(codes), 1))
    torch.testing.assert_close(whole, torch.cat(incremental(model, condition, codes, guided=False), 1), **ALMOST)


def test_training_reaches_every_parameter_but_the_null_text() -> None:
    model = tiny.tiny_infinity().requires_grad_(True)
    condition = model.condition(*tiny.texts(5, 2))
    model(condition.conditional, torch.cat(inputs(tiny.bits(2)), 1)).square().sum().backward()
    untouched = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert untouched == {"cfg_uncond"}


def test_prompts_of_different_lengths_share_a_batch() -> None:
    model = tiny.tiny_infinity()
    features, mask = tiny.texts(5, 2, 8)
    codes = tiny.bits(3)
    together = incremental(model, model.condition(features, mask), codes)
    for row in range(3):
        here = slice(row, row + 1)
        alone = incremental(model, model.condition(features[here], mask[here]), [c[here] for c in codes])
        for mine, all_rows in zip(alone, together, strict=True):
            torch.testing.assert_close(mine, all_rows[[row, 3 + row]], **ALMOST)


def test_rows_of_the_cache_may_go_and_may_repeat() -> None:
    """Survivors and copies go on as if they had been alone from the start; the text stays stored once per prompt."""
    model = tiny.tiny_infinity()
    condition = model.condition(*tiny.texts(5, 2))
    codes = tiny.bits(2)
    features = [None, *inputs(codes)]
    reference = incremental(model, condition, codes)
    cache = model.prefill(condition, guided=True)
    for scale in range(2):
        model.step(features[scale], scale, cache)
    rows = torch.tensor([1, 1, 0])
    cache = cache.select(torch.cat([rows, rows + 2]))
    logits = model.step(inputs(codes)[1][rows], 2, cache)
    torch.testing.assert_close(logits, reference[2][torch.cat([rows, rows + 2])], **ALMOST)
    assert cache.prompts.text is not None
    assert len(cache.prompts.text.keys[0]) == len(cache.prompts.start) == 4


def test_valid_rows_may_stand_anywhere() -> None:
    model = tiny.tiny_infinity()
    features, mask = tiny.texts(2, 4)
    expected = incremental(model, model.condition(features, mask), tiny.bits(2))
    garbage = torch.full_like(features, torch.nan)
    moved = torch.stack([torch.cat([garbage[0, :2], features[0, :2]]), features[1]])
    found = incremental(model, model.condition(moved, mask.flip(1)), tiny.bits(2))
    for one, other in zip(expected, found, strict=True):
        assert torch.equal(one, other)


def test_the_null_text_is_as_long_as_the_prompt() -> None:
    model = tiny.tiny_infinity()
    condition = model.condition(*tiny.texts(5, 2))
    assert torch.equal(condition.unconditional.mask, condition.conditional.mask)
    assert torch.equal(condition.unconditional.features[1, :2], model.cfg_uncond[:2])
    assert torch.equal(condition.unconditional.features[1, 2:], torch.zeros(3, 24))


def test_a_negative_prompt_is_read_as_a_prompt_is() -> None:
    model = tiny.tiny_infinity()
    codes = tiny.bits(2)
    features, mask = tiny.texts(5, 2)
    avoided, avoided_mask = tiny.texts(7, seed=9)
    condition = model.condition(features, mask, negative=(avoided, avoided_mask))
    plain = model.condition(avoided.repeat(2, 1, 1), avoided_mask.repeat(2, 1))
    expected = incremental(model, plain, codes, guided=False)
    found = incremental(model, condition, codes)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other[2:], one, **ALMOST)


def test_half_precision_keeps_what_matters() -> None:
    model = tiny.tiny_infinity()
    condition = model.condition(*tiny.texts(5, 2))
    exact = incremental(model, condition, tiny.bits(2))
    model.blocks.bfloat16()
    cache = model.prefill(condition, guided=True)
    logits = model.step(None, 0, cache)
    assert cache.keys[0].dtype == model.dtype == torch.bfloat16
    assert logits.dtype == torch.float32
    coarse = incremental(model, condition, tiny.bits(2))
    assert 0 < max(float((a - b).abs().max()) for a, b in zip(exact, coarse, strict=True)) < 0.3


def test_what_cannot_be_read() -> None:
    model = tiny.tiny_infinity()
    features, mask = tiny.texts(3, 2)
    mask[1] = False
    with pytest.raises(PromptError, match="text 1 has no valid feature"):
        model.condition(features, mask)
    with pytest.raises(PromptError, match="a text is 9 tokens long and the model reads 8; shorten it"):
        model.condition(torch.zeros(1, 9, 24))
    with pytest.raises(PromptError, match="2 negative prompts for 3 prompts; give one for all, or one each"):
        model.condition(*tiny.texts(1, 2, 3), negative=tiny.texts(1, 2))


def test_a_schedule_with_too_many_scales() -> None:
    schedule = InfinitySchedule(scales=((1, 1),) * 7, full=(1, 1))
    with pytest.raises(ConfigError, match="the schedule has 7 scales, the model knows 6"):
        Infinity(tiny.CONFIG, schedule)


@pytest.mark.parametrize(
    ("size", "billions"),
    [
        ("125M", 0.125),
        ("layer16", 0.36),
        ("1B", 0.94),
        ("2B", 2.20),
        ("layer32", 2.26),
        ("layer40", 4.7),
        ("8B", 8.38),
        ("layer48", 8.8),
    ],
)
def test_published_sizes(size: str, billions: float) -> None:
    with torch.device("meta"):
        model = Infinity(InfinityConfig.published(size), tiny.SCHEDULE)
    count = sum(parameter.numel() for parameter in model.parameters()) / 1e9
    assert count == pytest.approx(billions, rel=0.02)


def test_feed_forward_widths_round_halves_to_even() -> None:
    assert [feed_forward_width(dim) for dim in (2048, 2080, 3360, 96)] == [8192, 8192, 13312, 512]


def test_inconsistent_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="32 channels do not split into 3 and 4 heads"):
        InfinityConfig(**{**dict(tiny.CONFIG), "heads": 3})


class Largest(TorchDispatchMode):
    """The bytes of the largest tensor that a call makes."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.bytes = max(self.bytes, *(leaf.nbytes for leaf in tree_leaves(made) if isinstance(leaf, Tensor)), 0)
        return made


def test_the_last_scale_of_eight_guided_rows_at_a_million_pixels() -> None:
    """The logits, a word per bit, are small beside what the feed-forward holds in between."""
    config = InfinityConfig.published("2B").model_copy(update={"layers": 1})
    with torch.device("meta"), torch.inference_mode():
        model = Infinity(config, infinity_schedule(preset="1M"))
        model.blocks.to(torch.bfloat16)
        before = sum(height * width for height, width in model.scales[:-1])
        vectors = torch.empty(16, 8, config.dim)
        cache = ScaleCache.empty(PromptMemory(vectors[:, 0], [vectors[:, :6]], vectors[:, :2]))
        words = torch.empty(16, config.heads, 20, config.dim // config.heads, dtype=torch.bfloat16)
        cache.prompts = replace(cache.prompts, text=TextMemory([words], [words]))
        past = torch.empty(16, config.heads, before, config.dim // config.heads, dtype=torch.bfloat16)
        cache.extend(0, past, past)
        with Largest() as largest:
            logits = model.step(torch.empty(8, 64 * 64, config.bits), 12, cache)
    assert logits.shape == (16, 64 * 64, 32, 2)
    assert logits.nbytes == 16 * 4096 * 64 * 4 < 17e6
    assert largest.bytes == 16 * 4096 * config.hidden * 2 < 1.1e9
