"""Classifier-free guidance: the formula, and where it is exact."""

import numpy as np
import torch

from scalingar.profile.statistics.guidance import guide
from tests.upstream import reference

GENERATOR = torch.Generator().manual_seed(0)
COND = torch.randn(4, 50, generator=GENERATOR)
UNCOND = torch.randn(4, 50, generator=GENERATOR)
BOTH = torch.stack([COND, UNCOND])


def test_formula() -> None:
    c, u = COND.double().numpy(), UNCOND.double().numpy()
    np.testing.assert_allclose(guide(BOTH, 3.0), u + 3.0 * (c - u), rtol=1e-5, atol=1e-5)


def test_by_hand() -> None:
    guided = guide(torch.tensor([[[2.0, 0.0]], [[1.0, 4.0]]]), 7.5)
    assert guided.tolist() == [[8.5, -26.0]]


def test_matches_the_official_guided_logits() -> None:
    for name, key, scale in (("llamagen_c2i", "cfg4", 4.0), ("llamagen_t2i", "cfg75", 7.5)):
        file = reference.load(name)
        # At the first step the greedy run has the teacher-forced run's logits.
        pair = file["logits_cond_then_uncond"][0].chunk(2)
        expected = file[f"greedy_logits.{key}"][0]
        torch.testing.assert_close(guide(torch.stack(pair), scale), expected, atol=5e-4, rtol=0)


def test_scale_one_is_the_conditional_bit_for_bit() -> None:
    assert torch.equal(guide(BOTH, 1.0), COND)
    assert not torch.equal(UNCOND + (COND - UNCOND), COND), "rounding alone would hide this"


def test_without_the_other_branch_the_scale_is_ignored() -> None:
    assert torch.equal(guide(BOTH[:1], 7.5), COND)


def test_scale_per_row() -> None:
    scales = [1.0, 0.0, 2.5, 7.5]
    guided = guide(BOTH, torch.tensor(scales))
    assert guided.shape == COND.shape
    for row, scale in enumerate(scales):
        assert torch.equal(guided[row], guide(BOTH[:, row : row + 1], scale)[0])
    assert torch.equal(guided[0], COND[0])
    assert torch.equal(guided[1], UNCOND[1])


def test_a_scale_in_double_precision_does_not_widen_the_logits() -> None:
    assert guide(BOTH, torch.full((4,), 2.0, dtype=torch.float64)).dtype == torch.float32


# --- a second prompt -----------------------------------------------------------------------------

SECOND = torch.randn(4, 50, generator=GENERATOR)
ALL = torch.stack([COND, UNCOND, SECOND])


def both(scale: float, second: float, rows: int = 4) -> torch.Tensor:
    """Scales of both prompts."""
    return torch.tensor([[scale], [second]]).expand(2, rows)


def test_three_branches_by_hand() -> None:
    """c = (3, 1, 0), u = (1, 1, 0), r = (2, 3, -1): d_o = (2, 0, 0), d_r = (1, 2, -1), of which (0, 2, -1) is
    orthogonal: u + 6 d_o + 5 (0, 2, -1) = (13, 11, -5), as released for w = 5.
    """
    branches = torch.tensor([[[3.0, 1.0, 0.0]], [[1.0, 1.0, 0.0]], [[2.0, 3.0, -1.0]]])
    assert guide(branches, both(6.0, 6.0, 1)).tolist() == [[13.0, 11.0, -5.0]]
    assert guide(branches, both(6.0, 1.5, 1)).tolist() == [[13.0, 2.0, -0.5]]


def test_three_branches_are_the_published_formula() -> None:
    c, u, r = ALL.double().numpy()
    d_o, d_r = c - u, r - u
    d_perp = d_r - (d_r * d_o).sum(-1, keepdims=True) / (d_o**2).sum(-1, keepdims=True) * d_o
    np.testing.assert_allclose(guide(ALL, both(6.0, 6.0)), u + 6 * d_o + 5 * d_perp, rtol=1e-4, atol=1e-4)


def test_a_second_prompt_without_weight_leaves_two_branches_bit_for_bit() -> None:
    assert torch.equal(guide(ALL, both(3.0, 1.0)), guide(BOTH, torch.full((4,), 3.0)))
    assert torch.equal(guide(ALL, torch.full((4,), 3.0)), guide(BOTH, torch.full((4,), 3.0)))
    assert torch.equal(guide(ALL, 3.0), guide(BOTH, 3.0))
    assert torch.equal(guide(ALL, both(1.0, 1.0)), COND)


def test_a_second_prompt_that_says_the_same_leaves_plain_guidance() -> None:
    same = torch.stack([COND, UNCOND, COND])
    torch.testing.assert_close(guide(same, both(6.0, 6.0)), guide(BOTH, 6.0), rtol=1e-5, atol=1e-5)


def test_where_the_prompt_says_nothing_nothing_is_taken_from_the_second() -> None:
    guided = guide(torch.stack([UNCOND, UNCOND, SECOND]), both(6.0, 3.0))
    torch.testing.assert_close(guided, UNCOND + 2 * (SECOND - UNCOND))


def test_both_scales_per_row() -> None:
    scales = torch.tensor([[1.0, 2.5, 7.5, 3.0], [1.0, 1.0, 7.5, 0.0]])
    guided = guide(ALL, scales)
    for row in range(4):
        assert torch.equal(guided[row], guide(ALL[:, row : row + 1], scales[:, row : row + 1])[0])
    assert torch.equal(guided[0], COND[0])
