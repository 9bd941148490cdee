from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from scalingar.profile.statistics.guidance import guide
from scalingar.profile.statistics.token_statistics import (
    Distribution,
    TokenStatistics,
    ema,
    step_distributions,
    token_statistics,
    token_uncertainty,
)
from tests.shapes import unchecked

FIELDS = ("entropy", "normalized_entropy", "margin", "deepconf", "kl")
logit_arrays = hnp.arrays(np.float32, (3, 7), elements=st.floats(-15, 15, width=32, allow_subnormal=False))


def logits(*rows: list[float]) -> Tensor:
    return torch.tensor(rows)


def statistics(
    conditional: Tensor,
    unconditional: Tensor | None = None,
    scale: float | Tensor = 7.5,
    distribution: Distribution = "guided",
    top_k: int = 3,
) -> TokenStatistics:
    branches = conditional[None] if unconditional is None else torch.stack([conditional, unconditional])
    return token_statistics(step_distributions(branches, guidance_scale=scale, distribution=distribution), top_k)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_a_case_worked_by_hand() -> None:
    # π = (1/2, 1/4, 1/8, 1/8): H = 1.75 ln 2, margin 1/4, mean -ln of the top three = 2 ln 2.
    got = statistics(torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log())
    assert got.entropy.item() == pytest.approx(1.75 * math.log(2), rel=1e-6)
    assert got.normalized_entropy.item() == pytest.approx(1.75 / 2, rel=1e-6)
    assert got.margin.item() == pytest.approx(0.25, rel=1e-6)
    assert got.deepconf.item() == pytest.approx(2 * math.log(2), rel=1e-6)
    assert got.kl.item() == 0


def test_divergence_worked_by_hand() -> None:
    # KL((3/4, 1/4) || (1/4, 3/4)) = 1/2 ln 3.
    c, u = torch.tensor([[0.75, 0.25]]).log(), torch.tensor([[0.25, 0.75]]).log()
    assert statistics(c, u).kl.item() == pytest.approx(math.log(3) / 2, rel=1e-6)


def test_guidance_worked_by_hand() -> None:
    # u + 2 (c - u) with c - u = (ln 2, 0) and u = 0: odds 4 to 1.
    c, u = torch.tensor([[math.log(2), 0.0]]), torch.zeros(1, 2)
    assert statistics(c, u, 2.0).margin.item() == pytest.approx(0.6, rel=1e-6)
    assert statistics(c, u, 1.0).margin.item() == pytest.approx(1 / 3, rel=1e-6)
    conditional = statistics(c, u, 2.0, "conditional")
    assert conditional.margin.item() == pytest.approx(1 / 3, rel=1e-6)


@given(logit_arrays, logit_arrays, st.floats(0, 8))
def test_agrees_with_a_restatement(c: np.ndarray, u: np.ndarray, scale: float) -> None:
    got = statistics(torch.from_numpy(c), torch.from_numpy(u), scale)
    c64, u64 = c.astype(np.float64), u.astype(np.float64)
    p, q = softmax(c64), softmax(u64)
    g = np.maximum(softmax(u64 + scale * (c64 - u64)), 1e-300)
    top = -np.sort(-g, axis=-1)
    entropy = -(g * np.log(g)).sum(-1)
    np.testing.assert_allclose(got.entropy, entropy, atol=2e-4)
    np.testing.assert_allclose(got.normalized_entropy, entropy / np.log(7), atol=2e-4)
    np.testing.assert_allclose(got.margin, top[:, 0] - top[:, 1], atol=2e-4)
    np.testing.assert_allclose(got.kl, (p * np.log(p / q)).sum(-1), atol=1e-4)


@given(logit_arrays)
def test_deepconf_agrees_with_a_restatement(c: np.ndarray) -> None:
    got = statistics(torch.from_numpy(c), top_k=4).deepconf
    top = -np.sort(-softmax(c.astype(np.float64)), axis=-1)[:, :4]
    np.testing.assert_allclose(got, -np.log(top).mean(-1), rtol=1e-4, atol=1e-5)


@given(logit_arrays, logit_arrays)
def test_bounds(c: np.ndarray, u: np.ndarray) -> None:
    got = statistics(torch.from_numpy(c), torch.from_numpy(u))
    assert ((got.normalized_entropy >= -1e-6) & (got.normalized_entropy <= 1 + 1e-5)).all()
    assert ((got.margin >= 0) & (got.margin <= 1)).all()
    assert (got.kl >= 0).all()
    assert (got.deepconf >= 0).all()


def test_each_row_has_its_own_guidance_scale() -> None:
    c, u = torch.tensor([[2.0, 0.0, 1.0]] * 2), torch.tensor([[0.5, 1.0, -1.0]] * 2)
    both = statistics(c, u, torch.tensor([1.0, 4.0]))
    assert both.entropy[0] == pytest.approx(statistics(c[:1], u[:1], 1.0).entropy.item())
    assert both.entropy[1] == pytest.approx(statistics(c[:1], u[:1], 4.0).entropy.item())
    assert both.entropy[0] != both.entropy[1]


def test_masked_tokens_count_as_absent() -> None:
    c, u = logits([1.0, 0.0, 2.0]), logits([0.0, 1.0, 1.0])
    mask = torch.full((1, 2), -torch.inf)
    full = statistics(torch.cat([c, mask], 1), torch.cat([u, mask], 1))
    without = statistics(c, u)
    for name in ("entropy", "margin", "deepconf", "kl"):
        np.testing.assert_allclose(getattr(full, name), getattr(without, name), rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_token_masked_without_the_prompt_only_gives_a_finite_divergence() -> None:
    got = statistics(logits([0.0, 0.0]), logits([0.0, -torch.inf]))
    assert 30 < got.kl.item() <= 70
    assert all(np.isfinite(getattr(got, name)).all() for name in FIELDS)


@pytest.mark.parametrize("bad", [[0.0, torch.nan, 1.0], [-torch.inf] * 3, [torch.inf, 0.0, 1.0]])
def test_a_broken_row_is_nan_and_alone(bad: list[float]) -> None:
    good = [0.3, 1.0, -2.0]
    u = logits(good, good)
    got = statistics(logits(bad, [1.0, 2.0, 3.0]), u)
    alone = statistics(logits([1.0, 2.0, 3.0]), u[:1])
    for name in FIELDS:
        assert np.isnan(getattr(got, name)[0]), name
        np.testing.assert_allclose(getattr(got, name)[1:], getattr(alone, name), rtol=1e-5, atol=1e-6)


def test_a_nan_in_the_unconditional_row_shows() -> None:
    got = statistics(logits([1.0, 2.0]), logits([torch.nan, 0.0]))
    assert all(np.isnan(getattr(got, name)).all() for name in FIELDS)


def test_half_precision_is_computed_in_fp32() -> None:
    c = torch.linspace(-3, 3, 64).reshape(2, 32).bfloat16()
    got, wanted = statistics(c), statistics(c.float())
    assert got.entropy.dtype == np.float32
    assert np.array_equal(got.entropy, wanted.entropy)


def test_strong_guidance_over_a_wide_range_stays_exact() -> None:
    # Token 0 wins by far; all others lie hundreds of nats below.
    c, u = torch.linspace(0, -60, 32)[None], torch.linspace(-20, 0, 32)[None]
    got = statistics(c, u)
    assert got.entropy.item() == pytest.approx(0, abs=1e-5)
    assert got.margin.item() == pytest.approx(1)


def test_with_a_second_prompt_they_are_of_what_is_drawn_from() -> None:
    """π is the softmax of all three branches as :func:`guide` combines the raw logits; K is of the first two."""
    branches, scales = 2 * torch.randn(3, 4, 9, generator=torch.Generator().manual_seed(1)), torch.full((2, 4), 3.0)
    found = step_distributions(branches, guidance_scale=scales, distribution="guided")
    np.testing.assert_allclose(np.exp(found.drawn_from), guide(branches, scales).softmax(-1), rtol=1e-5, atol=1e-7)
    two = step_distributions(branches[:2], guidance_scale=scales[0], distribution="guided")
    assert np.array_equal(token_statistics(found, 3).kl, token_statistics(two, 3).kl)
    rows, codes = np.arange(4), torch.tensor([0, 3, 8, 1])
    assert np.array_equal(found.log_p(rows, codes), two.log_p(rows, codes))


def test_shapes_are_checked() -> None:
    for shape in ((1, 2, 1), (4, 2, 4), (2, 4)):
        with unchecked(), pytest.raises(ValueError, match="v >= 2"):
            step_distributions(torch.zeros(shape), guidance_scale=1.0, distribution="guided")


def test_selecting_statistics() -> None:
    got = statistics(torch.eye(3) * 2).select(torch.tensor([2, 2]))
    assert got.entropy.shape == (2,)


def test_uncertainty_worked_by_hand() -> None:
    got = token_uncertainty(np.array([0.4, 1.0, 0.0]), np.array([0.9, 0.0, 1.0]), alpha_entropy=0.7, alpha_margin=0.3)
    np.testing.assert_allclose(got, [0.28 + 0.03, 1.0, 0.0], atol=1e-12)


def test_ema_takes_a_first_value_as_it_is() -> None:
    first = ema(None, np.array([1.0, 0.5]), 0.2)
    np.testing.assert_allclose(first, [1.0, 0.5])
    np.testing.assert_allclose(ema(first, np.array([2.0, 0.5]), 0.2), [1.2, 0.5])
    assert ema(1.0, 2.0, 0.2) == pytest.approx(1.2)


def test_ema_keeps_a_broken_value() -> None:
    assert np.isnan(ema(np.array([0.5]), np.array([np.nan]), 0.2)).all()


def test_the_probability_of_a_drawn_token_worked_by_hand() -> None:
    rows = torch.tensor([[0.0, math.log(3)], [-torch.inf, 2.0]])
    branches = torch.stack([rows, rows.flip(1)])
    got = step_distributions(branches, guidance_scale=1.0, distribution="conditional")
    wanted = [[math.log(0.75), 0.0], [math.log(0.25), -70.0]]
    np.testing.assert_allclose(got.log_p(np.array([0, 1]), torch.tensor([1, 1])), wanted, rtol=1e-6)
    np.testing.assert_allclose(
        got.log_p(np.array([0]), torch.tensor([0])), [[math.log(0.25)], [math.log(0.75)]], rtol=1e-6
    )


def test_without_guidance_a_token_is_as_probable_with_the_prompt_as_without() -> None:
    got = step_distributions(torch.tensor([[[0.0, math.log(3)]]]), guidance_scale=7.5, distribution="guided")
    np.testing.assert_allclose(got.log_p(np.array([0]), torch.tensor([1])), [[math.log(0.75)]] * 2, rtol=1e-6)


def test_the_largest_are_found_as_topk_finds_them() -> None:
    log_probs = torch.randn(5, 33, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    got = statistics(log_probs, top_k=7)
    top = log_probs.topk(7).values
    np.testing.assert_allclose(got.deepconf, -top.mean(-1), rtol=1e-5)
    np.testing.assert_allclose(got.margin, top[:, 0].exp() - top[:, 1].exp(), rtol=1e-5, atol=1e-7)
