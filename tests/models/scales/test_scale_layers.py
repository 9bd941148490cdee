"""Attention of next-scale models: in the form in which a CUDA device has its fastest kernel, and right in bf16."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from scalingar.models.scales.scale_layers import MAX_LOG_SCALE, ScaleAttention
from tests.tiny import infinity as tiny_infinity
from tests.tiny import var as tiny_var

HALF = torch.bfloat16


def var_steps(config: Any) -> Callable[[], None]:
    def run() -> None:
        model = tiny_var.tiny_var(config).to(HALF)
        tokenizer = tiny_var.tiny_tokenizer()
        prompts = torch.tensor([1, 2]) if config.condition == "class" else torch.tensor([[1, 2], [3, 1]])
        cache = model.prefill(model.condition(prompts), guided=True)
        model.step(None, 0, cache)
        for scale in (1, 2):
            model.step(tokenizer.features(tokenizer.start(2, "cpu"), scale), scale, cache)

    return run


def infinity_steps() -> None:
    model = tiny_infinity.tiny_infinity()
    model.blocks.to(HALF)
    cache = model.prefill(model.condition(*tiny_infinity.texts(4, 4)), guided=True)
    model.step(None, 0, cache)
    model.step(torch.ones(2, 4, 4), 1, cache)


@pytest.mark.parametrize("steps", [var_steps(tiny_var.CLASS_CONFIG), var_steps(tiny_var.WORDS_CONFIG), infinity_steps])
def test_every_call_of_a_step_can_take_the_flash_kernel(
    steps: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes bf16, no mask, four axes with the last one dense, and heads of a multiple of 8 channels."""
    calls: list[tuple[Tensor, ...]] = []
    attention = F.scaled_dot_product_attention

    def watched(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, **options: Any) -> Tensor:
        if query.dtype == HALF:
            assert mask is None
            calls.append((query, key, value))
        return attention(query, key, value, mask, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", watched)
    with torch.inference_mode():
        steps()
    assert len(calls) >= 4
    for call in calls:
        for tensor in call:
            assert tensor.dtype == HALF
            assert tensor.ndim == 4
            assert tensor.stride(-1) == 1
            assert tensor.shape[-1] % 8 == 0


@pytest.mark.parametrize("log_scale", [1.4, MAX_LOG_SCALE])
def test_normalised_queries_and_keys_stay_right_in_bf16(log_scale: float) -> None:
    torch.manual_seed(0)
    exact = ScaleAttention(64, 2).requires_grad_(False)
    exact.scale_mul_1H11.fill_(log_scale)
    rounded = ScaleAttention(64, 2).requires_grad_(False)
    rounded.load_state_dict(exact.state_dict())
    rounded.to(HALF)
    exact.load_state_dict({name: tensor.float() for name, tensor in rounded.state_dict().items()})
    x = torch.randn(2, 9, 64).to(HALF)
    kept: list[Tensor] = []

    def store(key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        kept.append(key)
        return key, value

    found, wanted = rounded(x, store=store).float(), exact(x.float())
    assert (kept[0].float().norm(dim=-1) - 1).abs().max() < 2**-8
    # Of a score of 100 bf16 keeps half a unit: the sharpest heads lose most.
    error = (found - wanted).norm() / wanted.norm()
    assert error < (0.02 if log_scale < 2 else 0.1)
