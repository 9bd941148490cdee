"""A reward that looks at pixels."""

from collections.abc import Iterator
from typing import Any

import pytest

from scalingar.rewards import REWARDS, scoring
from tests.tiny.scales import redness


@pytest.fixture(autouse=True)
def red_pixels() -> Iterator[Any]:
    with REWARDS.temporarily("red-pixels", scoring(redness)) as reward:
        yield reward
