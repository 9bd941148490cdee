"""The released TTS-VAR code's numbers, and that a number which disagrees is noticed.

``tts_var_e2e`` needs weights too large for this folder: ``scalingar doctor FILE`` runs it where they are at hand.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from scalingar.core.errors import WeightsError
from scalingar.doctor.check import check_golden
from tests.upstream import reference


def test_everything_agrees() -> None:
    report = check_golden(reference.GOLDEN / "tts_var_select.npz")
    assert report.ok
    outputs = {name for name in reference.load("tts_var_select").arrays if not name.endswith(("_in", "_n", ".tokens"))}
    assert outputs - {one.name for one in report.comparisons} == {"pre.images_u8", "weights.scores", "weights.record"}


@pytest.mark.parametrize(
    ("array", "by"),
    [
        ("pca_8to6.features", 1e-3),
        ("pca_6to4.labels", 1),
        ("pool_8to3.centers", 1e-3),
        ("pca_all_8to5.selected", -1),
        ("pca_all_8to5.top2_singular_values", 1e-2),
        ("pre.tensor", 1e-3),
        ("weights.topk_2.cur3.lam10", 1e4),
        ("weights.fake.cur1.lam10", 1e-2),
        ("draw.nan.weights_used", 1),
        ("draw.plain_8to8.ids", 1),
    ],
)
def test_one_changed_number_is_noticed(array: str, by: float, tmp_path: Path) -> None:
    with np.load(reference.GOLDEN / "tts_var_select.npz") as file:
        arrays = {name: file[name] for name in file.files}
    arrays[array].flat[0] += arrays[array].dtype.type(by)
    np.savez(tmp_path / "x.npz", **arrays)
    report = check_golden(tmp_path / "x.npz")
    assert array in {one.name for one in report.comparisons if not one.ok}


def test_the_weights_lie_beside_the_file(tmp_path: Path) -> None:
    meta = {"kind": "tts_var_e2e", "config": {}, "weights_files": ["infinity.npz"]}
    np.savez(tmp_path / "e2e.npz", meta_json=json.dumps(meta))
    with pytest.raises(WeightsError, match=r"belongs with infinity\.npz; put that file in"):
        check_golden(tmp_path / "e2e.npz")
