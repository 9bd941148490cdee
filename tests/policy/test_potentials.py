import numpy as np
import pytest
import torch

from scalingar.policy.potentials import RewardHistory, log_potential

REWARDS = np.array([[1.0, 3.0, 2.0], [-1.0, -2.0, -4.0]])


def history(columns: int) -> RewardHistory:
    found = RewardHistory.start(2)
    for column in range(columns):
        found = found.record(REWARDS[:, column])
    return found


@pytest.mark.parametrize(
    ("potential", "expected"),
    [
        ("value", [2, -4]),
        ("diff", [-1, -2]),
        ("max", [3, -1]),
        ("sum", [6, -7]),
        ("topk", [5, -3]),
        ("uniform", [0, 0]),
    ],
)
def test_potentials_by_hand(potential: str, expected: list[float]) -> None:
    np.testing.assert_allclose(log_potential(potential, history(3), 10.0, topk=2), 10 * np.array(expected))  # type: ignore[arg-type]


@pytest.mark.parametrize("potential", ["value", "diff", "max", "sum", "topk"])
def test_all_are_value_at_the_first_scored_scale(potential: str) -> None:
    np.testing.assert_array_equal(log_potential(potential, history(1), 2.0), 2 * REWARDS[:, 0])  # type: ignore[arg-type]


def test_a_copy_has_its_ancestors_rewards() -> None:
    copies = history(2).select(torch.tensor([1, 1, 0])).record(np.zeros(3))
    np.testing.assert_array_equal(copies.rewards, [[-1, -2, 0], [-1, -2, 0], [1, 3, 0]])


def test_nothing_scored() -> None:
    with pytest.raises(ValueError, match="at least one scored scale"):
        log_potential("value", RewardHistory.start(3), 10.0)
