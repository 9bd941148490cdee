"""Classifier-free guidance: the formula, and where it is exact."""

import numpy as np
import torch

from scalingar.profile.statistics.guidance import guide
from tests.upstream import reference

GENERATOR = torch.Generator().manual_seed(0)
COND = torch.randn(4, 50, generator=GENERATOR)
UNCOND = torch.randn(4, 50, generator=GENERATOR)


def test_formula() -> None:
    c, u = COND.double().numpy(), UNCOND.double().numpy()
    np.testing.assert_allclose(guide(COND, UNCOND, 3.0), u + 3.0 * (c - u), rtol=1e-5, atol=1e-5)


def test_by_hand() -> None:
    guided = guide(torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 4.0]]), 7.5)
    assert guided.tolist() == [[8.5, -26.0]]


def test_matches_the_official_guided_logits() -> None:
    for name, key, scale in (("llamagen_c2i", "cfg4", 4.0), ("llamagen_t2i", "cfg75", 7.5)):
        file = reference.load(name)
        # At the first step the greedy run has the teacher-forced run's logits.
        cond, uncond = file["logits_cond_then_uncond"][0].chunk(2)
        expected = file[f"greedy_logits.{key}"][0]
        torch.testing.assert_close(guide(cond, uncond, scale), expected, atol=5e-4, rtol=0)


def test_scale_one_is_the_conditional_bit_for_bit() -> None:
    assert torch.equal(guide(COND, UNCOND, 1.0), COND)
    assert not torch.equal(UNCOND + (COND - UNCOND), COND), "rounding alone would hide this"


def test_without_the_other_branch_the_scale_is_ignored() -> None:
    assert guide(COND, None, 7.5) is COND


def test_scale_per_row() -> None:
    scales = [1.0, 0.0, 2.5, 7.5]
    guided = guide(COND, UNCOND, torch.tensor(scales))
    assert guided.shape == COND.shape
    for row, scale in enumerate(scales):
        assert torch.equal(guided[row], guide(COND[row : row + 1], UNCOND[row : row + 1], scale)[0])
    assert torch.equal(guided[0], COND[0])
    assert torch.equal(guided[1], UNCOND[1])


def test_a_scale_in_double_precision_does_not_widen_the_logits() -> None:
    assert guide(COND, UNCOND, torch.full((4,), 2.0, dtype=torch.float64)).dtype == torch.float32
