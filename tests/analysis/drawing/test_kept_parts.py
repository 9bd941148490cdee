from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scalingar.analysis.drawing.kept_parts import Columns, KeptParts, first_difference
from scalingar.core.errors import ConfigError, OutputError


def test_only_what_is_missing_is_drawn(tmp_path: Path) -> None:
    drawn = []

    def draw(part: slice) -> Columns:
        drawn.append(part.start)
        return {"square": np.arange(5)[part] ** 2}

    parts = KeptParts(tmp_path, "squares", together=2)
    for _ in range(2):
        assert parts.fill({"seed": 1}, 5, draw, lambda items: items)["square"].tolist() == [0, 1, 4, 9, 16]
    assert drawn == [0, 2, 4]
    (tmp_path / "000002.npz").unlink()
    parts.fill({"seed": 1}, 5, draw, lambda items: items)
    assert drawn == [0, 2, 4, 2]


def test_a_folder_of_another_plan_is_refused(tmp_path: Path) -> None:
    parts = KeptParts(tmp_path, "squares", together=2)
    parts.fill({"seed": 1}, 1, lambda part: {"square": np.zeros(1)}, lambda items: items)
    with pytest.raises(OutputError, match=r"holds squares of another seed \(1, not 2\); choose another folder"):
        parts.fill({"seed": 2}, 1, lambda part: {}, lambda items: items)
    parts.plan.write_text('{"shares": [0.5]}')
    with pytest.raises(OutputError, match=r"holds squares of other shares \(1 there, 2 here; number 2 is None"):
        parts.fill({"shares": [0.5, 0.75]}, 1, lambda part: {}, lambda items: items)
    parts.plan.write_text("{")
    with pytest.raises(OutputError, match=r"squares\.json is damaged"):
        parts.fill({"seed": 1}, 1, lambda part: {}, lambda items: items)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({"model": {"dtype": "fp32"}}, {"model": {"dtype": "bf16"}}, "model.dtype ('fp32', not 'bf16')"),
        ({"seed": 1}, {"seed": 1, "noise": "host"}, "noise (None, not 'host')"),
        ({"model": {"prompt": "a"}}, {"model": {}}, "model.prompt ('a', not None)"),
        (
            {"prompts": ["a dog", "a cat", "a bus"]},
            {"prompts": ["a dog", "a cow"]},
            "prompts (3 there, 2 here; number 2 is 'a cat', not 'a cow')",
        ),
        ({"prompts": ["a"]}, {"prompts": ["a"]}, None),
    ],
)
def test_of_two_plans_the_first_difference_is_told(before: Any, now: Any, told: str | None) -> None:
    assert first_difference(before, now) == told


def test_a_truncated_part_is_named(tmp_path: Path) -> None:
    parts = KeptParts(tmp_path, "squares", together=2)
    parts.fill({}, 2, lambda part: {"square": np.zeros(2)}, lambda items: items)
    whole = (tmp_path / "000000.npz").read_bytes()
    for length in (0, 50, len(whole) - 30):
        (tmp_path / "000000.npz").write_bytes(whole[:length])
        with pytest.raises(OutputError, match=r"000000\.npz is damaged; delete it"):
            parts.fill({}, 2, lambda part: {}, lambda items: items)


def test_parts_of_an_unknown_plan_are_refused(tmp_path: Path) -> None:
    parts = KeptParts(tmp_path, "squares", together=2)
    parts.fill({}, 2, lambda part: {"square": np.zeros(2)}, lambda items: items)
    parts.plan.unlink()
    with pytest.raises(OutputError, match=r"holds squares without squares\.json"):
        parts.fill({}, 2, lambda part: {}, lambda items: items)


def test_what_cannot_be_drawn_leaves_nothing(tmp_path: Path) -> None:
    def draw(part: slice) -> Columns:
        raise ConfigError("no reward")

    with pytest.raises(ConfigError):
        KeptParts(tmp_path / "a" / "b", "squares", together=2).fill({}, 2, draw, lambda items: items)
    assert not list(tmp_path.iterdir())
