"""Which shards belong to which part."""

import pytest

from scalingar.bench.runs.parts.part import WHOLE, Part
from scalingar.core.errors import ConfigError


@pytest.mark.parametrize("count", [1, 2, 3, 7, 12])
def test_parts_have_every_shard_once(count: int) -> None:
    numbers = [number for part in range(1, count + 1) for number in Part(part, count).of(7)]
    assert sorted(numbers) == list(range(7))


def test_parts_are_read_from_words_and_from_the_environment() -> None:
    assert Part.read("2/4", {}) == Part(2, 4)
    assert Part.read("1/1", {}) == WHOLE
    assert Part.read("env", {"RANK": "0", "WORLD_SIZE": "4"}) == Part(1, 4)
    assert Part.read("env", {"RANK": "3", "WORLD_SIZE": "4"}).name == "part-4-of-4"


@pytest.mark.parametrize("text", ["0/4", "5/4", "a/b", "1", "1/0", "-1/4", "1/4/4", "", "1.5/4"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--part"):
        Part.read(text, {})


@pytest.mark.parametrize("environment", [{}, {"RANK": "4", "WORLD_SIZE": "4"}, {"RANK": "x", "WORLD_SIZE": "4"}])
def test_ranks_that_are_none_are_refused(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="RANK is"):
        Part.read("env", environment)
