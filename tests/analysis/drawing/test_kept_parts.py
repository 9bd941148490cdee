from pathlib import Path

import numpy as np
import pytest

from scalingar.analysis.drawing.kept_parts import Columns, KeptParts
from scalingar.core.errors import OutputError


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
    parts.plan.write_text("{")
    with pytest.raises(OutputError, match=r"squares\.json is damaged"):
        parts.fill({"seed": 1}, 1, lambda part: {}, lambda items: items)
