from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scalingar.doctor.check import check_golden
from scalingar.doctor.golden.image_reward_check import ranks
from tests.upstream import reference


@pytest.mark.parametrize(
    ("array", "by"),
    [
        ("preprocessed", 3e-4),
        ("image_embeds", 3e-4),
        ("cls_features", 3e-4),
        ("rewards", 3e-4),
        ("rank_prompt0", 1),
        ("score_prompt0_image0", 3e-4),
    ],
)
def test_one_changed_number_is_noticed(array: str, by: float, tmp_path: Path) -> None:
    with np.load(reference.GOLDEN / "imagereward_tiny.npz") as file:
        arrays: dict[str, Any] = {name: file[name].copy() for name in file.files}
    arrays[array][(-1,) * arrays[array].ndim] += by
    np.savez(tmp_path / "changed.npz", **arrays)
    report = check_golden(tmp_path / "changed.npz")
    assert array in {one.name.split(" ")[0] for one in report.comparisons if not one.ok}


def test_ranks_by_hand() -> None:
    assert ranks(torch.tensor([0.5, 2.0, -1.0, 2.0])).tolist() == [3, 1, 4, 2]
