"""The shapes in the package's annotations are checked while the tests run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int, TypeCheckError
from torch import Tensor

from scalingar.policy.potentials import RewardHistory, value
from scalingar.profile.statistics.guidance import guide
from tests.shapes import check_of, jaxtyped, unchecked

COLUMN = np.zeros(2)


def test_arguments_results_and_fields_of_the_package_are_checked() -> None:
    with pytest.raises(TypeCheckError, match="'scale'"):
        guide(torch.zeros(2, 3, 4), torch.zeros(2))
    with pytest.raises(TypeCheckError, match="'rewards'"):
        value(np.zeros((2, 3), np.int64))
    with pytest.raises(TypeCheckError, match="'rewards'"):
        RewardHistory(COLUMN)


def test_unchecked() -> None:
    with unchecked():
        assert len(RewardHistory(COLUMN).rewards) == 2
    with pytest.raises(TypeCheckError):
        RewardHistory(COLUMN)


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (Float[np.ndarray, " n"] | None, [None, COLUMN], [COLUMN[None], torch.zeros(2)]),
        (float | Float[np.ndarray, " n"], [1.0, COLUMN], [COLUMN[None]]),
        (Int[np.ndarray, " n"] | Float[np.ndarray, " n"], [COLUMN], [None, COLUMN > 0]),
        (Tensor | Float[np.ndarray, " n"], [torch.zeros(1, 2), COLUMN], [COLUMN[None]]),
        (list[Float[np.ndarray, " n"]], [[], [COLUMN, COLUMN]], [[COLUMN, COLUMN[:1]], COLUMN]),
        (Sequence[Float[np.ndarray, " n"]], [(COLUMN,)], [(COLUMN, None)]),
        (tuple[Float[np.ndarray, " n"], ...], [(COLUMN, COLUMN)], [(COLUMN, 1)]),
        (tuple[int, Float[np.ndarray, " n"]], [(1, COLUMN)], [(1, COLUMN[None]), (1,), None]),
        (Mapping[str, Float[np.ndarray, " n"]], [{"a": COLUMN}], [{"a": 1}, None]),
    ],
)
def test_every_array_in_an_annotation_is_looked_at(hint: Any, good: list[Any], bad: list[Any]) -> None:
    check = check_of(hint)
    assert check is not None
    for right in (True, False):
        for given in good if right else bad:
            with jaxtyped("context"):
                assert check(given) is right


def test_annotations_without_a_shape_are_left_alone() -> None:
    assert [check_of(hint) for hint in (int, Tensor, list[int], dict[str, Any], None | str, "later")] == [None] * 6
