"""What accelerators compute is what the CPU computes; both run on the CPU here."""

import numpy as np
import pytest
import torch

from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.statistics import device_statistics, scale_statistics
from scalingar.profile.statistics.device_statistics import DeviceStatistics
from scalingar.profile.statistics.token_statistics import Distribution, step_distributions, token_statistics

SCALES = torch.tensor([1.0, 3.0, 7.5])


def logits(*shape: int) -> torch.Tensor:
    values = 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    values[..., -1] = -torch.inf  # masked
    return values


@pytest.mark.parametrize("branches", [1, 2])
@pytest.mark.parametrize("distribution", ["guided", "conditional"])
def test_tokens(branches: int, distribution: Distribution) -> None:
    values, codes, rows = logits(branches, 3, 11), torch.tensor([4, 10, 0]), np.arange(3)
    distributions = step_distributions(values, guidance_scale=SCALES, distribution=distribution)
    expected = token_statistics(distributions, 5)
    numbers = DeviceStatistics(distribution, 5)(values, SCALES)
    found = device_statistics.token_statistics(numbers.numpy(), 11)
    for name in ("entropy", "normalized_entropy", "margin", "deepconf", "kl"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=2e-6, atol=1e-6)
    log_p = device_statistics.drawn_log_p(values, codes)
    np.testing.assert_allclose(log_p, distributions.log_p(rows, codes), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("distribution", ["guided", "conditional"])
def test_tokens_with_a_second_prompt(distribution: Distribution) -> None:
    values, scales = (
        3 * torch.randn(3, 3, 11, generator=torch.Generator().manual_seed(0)),
        torch.stack([SCALES, SCALES]),
    )
    expected = token_statistics(step_distributions(values, guidance_scale=scales, distribution=distribution), 5)
    numbers = DeviceStatistics(distribution, 5)(values, scales)
    found = device_statistics.token_statistics(numbers.numpy(), 11)
    for name in ("entropy", "margin", "deepconf", "kl"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=2e-6, atol=1e-6)
    assert torch.equal(
        device_statistics.drawn_log_p(values, torch.tensor([4, 10, 0])),
        device_statistics.drawn_log_p(values[:2], torch.tensor([4, 10, 0])),
    )


@pytest.mark.parametrize("distribution", ["guided", "conditional"])
def test_a_second_prompt_that_is_not_a_number_is_told_before_it_has_weight(distribution: Distribution) -> None:
    values, scales = torch.randn(3, 3, 11, generator=torch.Generator().manual_seed(0)), torch.ones(2, 3)
    values[2, 1, 4] = torch.nan
    numbers = DeviceStatistics(distribution, 5)(values, scales)
    assert numbers[0].isnan().tolist() == [False, True, False]
    on_host = token_statistics(step_distributions(values, guidance_scale=scales, distribution=distribution), 5)
    assert np.isnan(on_host.entropy).tolist() == [False, True, False]


def test_scales() -> None:
    values, codes, config = logits(2, 3, 4, 2, 5), torch.arange(24).view(3, 4, 2) % 4, ProfileConfig()
    distributions = scale_statistics.scale_distributions(values, SCALES.numpy(), config)
    expected = scale_statistics.scale_statistics(distributions, 3, config)
    numbers = DeviceStatistics("guided", config.deepconf_top_k)(values, SCALES)
    found = device_statistics.scale_statistics(numbers.numpy(), 5, config)
    for name in ("entropy", "margin", "deepconf", "kl", "confidence"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=2e-6, atol=1e-6)
    log_p = device_statistics.drawn_log_p(values, codes)
    np.testing.assert_allclose(log_p, scale_statistics.drawn_log_p(distributions, np.arange(3), codes), rtol=1e-5)


def test_a_row_that_is_not_a_number_is_alone() -> None:
    values = logits(2, 3, 11)
    values[0, 1, 2], values[1, 2] = torch.nan, -torch.inf
    numbers = DeviceStatistics("guided", 5)(values, SCALES)
    assert numbers.isnan().any(0).tolist() == [False, True, True]
