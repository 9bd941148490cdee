"""Temperature, top-k, top-p and the draw, by hand; parity is in ``tests/doctor/test_golden.py``."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scalingar.core.errors import ConfigError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.sampling import draw, filter_logits, top_k, top_p


def kept(logits: torch.Tensor) -> list[list[int]]:
    return [row.isfinite().nonzero()[:, 0].tolist() for row in logits]


def test_top_k_keeps_ties_at_the_border() -> None:
    logits = torch.tensor([[3.0, 2.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]])
    assert kept(top_k(logits, 2)) == [[0, 1, 2], [0, 1, 2, 3], [2, 3]]
    assert kept(top_k(logits, 99)) == [[0, 1, 2, 3]] * 3


def test_top_p_keeps_the_code_that_crosses() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05], [0.05, 0.15, 0.3, 0.5]]).log()
    assert kept(top_p(logits, 0.6)) == [[0, 1], [2, 3]]
    assert kept(top_p(logits, 0.1)) == [[0], [3]]
    assert kept(top_p(logits, 0.81)) == [[0, 1, 2], [1, 2, 3]]


def test_top_p_counts_what_top_k_left() -> None:
    """After top-k = 2 of (0.5, 0.3, ...), the first code holds 0.625 of what is left."""
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    assert kept(filter_logits(logits, SamplingConfig(top_k=2, top_p=0.6))) == [[0]]
    assert kept(filter_logits(logits, SamplingConfig(top_p=0.6))) == [[0, 1]]


def test_temperature_comes_before_top_p() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log()
    assert kept(filter_logits(logits, SamplingConfig(temperature=0.1, top_p=0.6))) == [[0]]
    assert kept(filter_logits(logits, SamplingConfig(temperature=10.0, top_p=0.6))) == [[0, 1]]


def test_defaults_change_nothing() -> None:
    logits = torch.randn(3, 20, generator=torch.Generator().manual_seed(0))
    assert torch.equal(filter_logits(logits, SamplingConfig()), logits)


def test_temperature_zero_is_greedy_and_finite() -> None:
    logits = torch.tensor([[1.0, 1.1, -5.0]])
    scaled = filter_logits(logits, SamplingConfig(temperature=0))
    assert scaled.isfinite().all()
    noise = torch.tensor([[1e-3, 20.0, 1e-3]])
    assert draw(scaled, noise).tolist() == [1]


def test_draw_is_a_race() -> None:
    logits = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.9, 0.1]]).log()
    noise = torch.tensor([[1.0, 0.9], [1.0, 0.12], [1.0, 0.10]])
    assert draw(logits, noise).tolist() == [1, 0, 1]


def test_draw_without_noise_takes_the_most_probable() -> None:
    assert draw(torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), None).tolist() == [1, 0]


@given(seed=st.integers(0, 10_000), k=st.integers(1, 12), p=st.floats(0.01, 1.0))
def test_only_kept_codes_are_drawn(seed: int, k: int, p: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(8, 12, generator=generator) * 4
    filtered = filter_logits(logits, SamplingConfig(top_k=k, top_p=p))
    # The loudest noise there is against the kept codes, the faintest for the removed ones.
    noise = torch.where(filtered.isfinite(), 1e3, torch.finfo(torch.float32).tiny)
    codes = draw(filtered, noise)
    assert filtered.gather(1, codes[:, None]).isfinite().all()
    assert filtered.gather(1, logits.argmax(-1, keepdim=True)).isfinite().all()


@pytest.mark.parametrize(
    "setting",
    [
        {"top_p": 0.0},
        {"top_p": 1.5},
        {"top_p": math.nan},
        {"top_k": -1},
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"topk": 3},
    ],
)
def test_impossible_settings_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        SamplingConfig.model_validate(setting)


def test_arsample_cools_what_is_open_and_heats_what_is_certain() -> None:
    """H of one certain code is 0: T = 3.1; of four equal ones ln 4: T = 2.5 · 4^(-1/3) + 0.6. Beside T0 = 2."""
    logits = torch.tensor([[60.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [2.0, 1.0, 0.0, -1.0]])
    p = logits[2].softmax(-1)
    third = 2.5 * torch.exp((p * p.log()).sum() / 3) + 0.6
    factors = torch.tensor([3.1, 2.5 * 4 ** (-1 / 3) + 0.6, float(third)])
    config = SamplingConfig(temperature=2.0, entropy_temperature=True)
    torch.testing.assert_close(filter_logits(logits, config), logits / (2 * factors[:, None]))
    plain = filter_logits(logits, SamplingConfig(temperature=2.0))
    assert torch.equal(plain, logits / 2.0)


def test_arsample_of_removed_codes_is_a_number() -> None:
    logits = torch.tensor([[0.0, 0.0, -torch.inf]])
    assert filter_logits(logits, SamplingConfig(entropy_temperature=True))[0, :2].isfinite().all()
