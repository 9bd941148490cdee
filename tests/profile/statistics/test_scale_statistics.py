import numpy as np
import pytest
import torch

from scalingar.profile.profile_config import ProfileConfig
from scalingar.profile.statistics.scale_statistics import (
    drawn_log_p,
    scale_distributions,
    scale_signals,
    scale_statistics,
)

CONFIG = ProfileConfig()


def logits(seed: int) -> torch.Tensor:
    return 3 * torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(seed))


def both(conditional: torch.Tensor, unconditional: torch.Tensor) -> torch.Tensor:
    return torch.stack([conditional, unconditional])


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_means_over_codes_restated() -> None:
    c, u = logits(0).double().numpy(), logits(1).double().numpy()
    codes = torch.arange(24).view(2, 4, 3) % 5
    distributions = scale_distributions(both(logits(0), logits(1)), 3.0, CONFIG)
    found = scale_statistics(distributions, 2, CONFIG)
    log_p, log_p_null = drawn_log_p(distributions, np.arange(2), codes)
    guided, p, q = softmax(u + 3 * (c - u)), softmax(c), softmax(u)
    entropy = -(guided * np.log(guided)).sum(-1)
    top = np.sort(guided, -1)
    uncertainty = 0.5 * entropy / np.log(5) + 0.5 * (1 - (top[..., -1] - top[..., -2]))
    np.testing.assert_allclose(found.entropy, entropy.mean((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(found.confidence, 1 - uncertainty.mean((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(found.kl, (p * np.log(p / q)).sum(-1).mean((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(found.deepconf, -np.log(guided).mean((1, 2, 3)), rtol=1e-4)
    drawn = np.take_along_axis(np.log(p), codes.numpy()[..., None], -1)
    np.testing.assert_allclose(log_p, drawn.sum((1, 2, 3)), rtol=1e-4)
    drawn = np.take_along_axis(np.log(q), codes.numpy()[..., None], -1)
    np.testing.assert_allclose(log_p_null, drawn.sum((1, 2, 3)), rtol=1e-4)


def test_certain_and_undecided() -> None:
    certain = torch.zeros(1, 2, 1, 4)
    certain[..., 1] = 100
    each = torch.cat([certain, torch.zeros_like(certain)])
    distributions = scale_distributions(each[None], 1.0, CONFIG)
    found = scale_statistics(distributions, 2, CONFIG)
    log_p, log_p_null = drawn_log_p(distributions, np.array([1, 0]), torch.ones(2, 2, 1, dtype=torch.long))
    np.testing.assert_allclose(found.confidence, [1, 0], atol=1e-5)
    np.testing.assert_allclose(log_p, [2 * np.log(0.25), 0], atol=1e-5)
    assert (log_p == log_p_null).all()
    assert (found.kl == 0).all()


def test_a_broken_row_alone_is_broken() -> None:
    broken = logits(0)
    broken[1, 2, 0, 3] = torch.nan
    found = scale_statistics(scale_distributions(both(broken, logits(1)), 3.0, CONFIG), 2, CONFIG)
    whole = scale_statistics(scale_distributions(both(logits(0), logits(1)), 3.0, CONFIG), 2, CONFIG)
    assert np.isnan(found.confidence[1])
    assert found.confidence[0] == whole.confidence[0]


def test_signals_by_hand() -> None:
    trace = {
        "entropy": np.array([1.0, 3.0], np.float32),
        "deepconf": np.array([2.0, 1.0], np.float32),
        "C": np.array([0.2, 0.6], np.float32),
        "log_p": np.array([-1.0, -8.0], np.float32),
        "log_p_null": np.array([-2.0, -10.0], np.float32),
    }
    assert scale_signals(trace, 9) == pytest.approx(
        {
            "pmi": 3,
            "log_likelihood": -1,
            "entropy": 2,
            "deepconf": 1.5,
            "confidence": 0.4,
            "lowest_group_confidence": 1,
            "final_confidence": 0.6,
        }
    )
