"""Durations: steps, or shares of a trajectory."""

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from scalingar.profile.duration import Duration, steps_of

DURATION: TypeAdapter[int | float] = TypeAdapter(Duration)


@pytest.mark.parametrize(
    ("duration", "total", "steps"), [(32, 144, 32), (0.03125, 1024, 32), (0.03125, 144, 5), (0.1, 30, 3), (0.001, 9, 1)]
)
def test_a_share_is_rounded_up(duration: int | float, total: int, steps: int) -> None:
    assert steps_of(DURATION.validate_python(duration), total) == steps


def test_numbers_of_numpy_are_numbers() -> None:
    assert [type(DURATION.validate_python(value)) for value in (np.int64(3), np.float32(0.5))] == [int, float]


@pytest.mark.parametrize("bad", [0, -1, 0.0, 1.0, 1.5, True, "3", None, float("nan"), [1]])
def test_anything_else_is_refused(bad: Any) -> None:
    with pytest.raises(ValidationError, match="a whole number of steps, at least 1, or a share of T between 0 and 1"):
        DURATION.validate_python(bad)
