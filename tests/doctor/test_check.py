"""Every stored output of the official code agrees, and a file that does not agree is noticed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.doctor.check import check_golden
from scalingar.doctor.golden.golden_file import CHECKS, Comparison, difference
from scalingar.doctor.golden.llamagen.run_checks import runs
from tests.upstream import reference

FILES = sorted(str(path.relative_to(reference.GOLDEN)) for path in reference.GOLDEN.rglob("*.npz"))
FILES = [name for name in FILES if not name.startswith(("var_", "infinity_"))]  # see test_var.py, test_infinity.py
Arrays = dict[str, Any]


@pytest.mark.parametrize("name", FILES)
def test_everything_agrees(name: str) -> None:
    report = check_golden(reference.GOLDEN / name)
    assert [one for one in report.comparisons if not one.ok] == []
    assert report.unused == []
    assert report.ok
    with np.load(reference.GOLDEN / name) as file:
        outputs = {
            key for key in file.files if key.startswith(("greedy", "sample", "logits_", "filt_", "deco", "rope"))
        }
    inputs = {key for key in outputs if key.startswith("sample_noise")}
    assert outputs - inputs <= {one.name for one in report.comparisons}


def changed(name: str, folder: Path, change: Callable[[Arrays], None]) -> Path:
    with np.load(reference.GOLDEN / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    change(arrays)
    np.savez(folder / "changed.npz", **arrays)
    return folder / "changed.npz"


@pytest.mark.parametrize(
    ("name", "array", "by"),
    [
        ("llamagen_t2i", "logits_cond_then_uncond", 3e-4),
        ("llamagen_t2i", "greedy_logits.cfg75", 1e-3),
        ("llamagen_t2i", "greedy.cfg3_int20", 1),
        ("llamagen_c2i", "sample.nocfg_t12", 1),
        ("llamagen_c2i", "rope_table", 3e-5),
        ("llamagen_vq_m124", "decoded", 3e-4),
        ("llamagen_vq_m124", "indices", 1),
        ("llamagen_filter", "filt_k20_p0.5", 1e-6),
        ("basic/gpt_t2i", "sample_cfg3_int5_k20_p09_t07_seed123", 1),
    ],
)
def test_one_changed_number_is_noticed(name: str, array: str, by: float, tmp_path: Path) -> None:
    def change(arrays: Arrays) -> None:
        place = np.argwhere(np.isfinite(arrays[array]))[-1]
        arrays[array][tuple(place)] += by

    report = check_golden(changed(name, tmp_path, change))
    assert not report.ok
    assert array in {one.name.split(" ")[0] for one in report.comparisons if not one.ok}


@pytest.mark.parametrize("name", ["llamagen_t2i", "llamagen_vq_m124", "basic/filter"])
def test_an_array_nobody_uses_is_an_error(name: str, tmp_path: Path) -> None:
    report = check_golden(changed(name, tmp_path, lambda arrays: arrays.update(mystery=np.zeros(3))))
    assert report.unused == ["mystery"]
    assert not report.ok
    assert all(one.ok for one in report.comparisons)


def test_a_weight_too_many_or_too_few(tmp_path: Path) -> None:
    def more(arrays: Arrays) -> None:
        arrays["w.extra"] = np.zeros(3, np.float32)

    with pytest.raises(WeightsError, match="has unknown 'extra'"):
        check_golden(changed("llamagen_c2i", tmp_path, more))
    with pytest.raises(WeightsError, match=r"lacks 'norm\.weight'"):
        check_golden(changed("llamagen_c2i", tmp_path, lambda arrays: arrays.pop("w.norm.weight")))


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="lacks the array 'tokens_in'; it is no complete file of llamagen_gpt"):
        check_golden(changed("llamagen_c2i", tmp_path, lambda arrays: arrays.pop("tokens_in")))


def test_unknown_kinds_are_refused_with_the_known_ones(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", meta_json=json.dumps({"kind": "mystery", "config": {}}))
    known = "known are .*llamagen_filter, llamagen_gpt, llamagen_vq"
    with pytest.raises(ConfigError, match=f"is of kind 'mystery', which cannot be checked; {known}"):
        check_golden(tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", numbers=np.zeros(3))
    with pytest.raises(ConfigError, match=f"is of kind 'unknown', .*{known}"):
        check_golden(tmp_path / "y.npz")
    assert {"llamagen_filter", "llamagen_gpt", "llamagen_vq", "var", "var_vqvae"} <= set(CHECKS)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no archive", b"\x80\x04a pickle."])
def test_unreadable_files(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(WeightsError, match=r"x.npz cannot be read as golden data: it is no archive of NumPy's"):
        check_golden(tmp_path / "x.npz")
    with pytest.raises(WeightsError, match=r"none.npz cannot be read as golden data: there is no such file\.$"):
        check_golden(tmp_path / "none.npz")


@pytest.mark.parametrize("extra", [{"meta_json": "[1]"}, {"meta_json": "{"}, {"meta": np.zeros(3)}])
def test_unreadable_descriptions(extra: Arrays, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **extra)
    with pytest.raises(WeightsError, match=r"x.npz cannot be read as golden data"):
        check_golden(tmp_path / "x.npz")


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", evil=np.array([object()], dtype=object))
    with pytest.raises(WeightsError, match="cannot be read"):
        check_golden(tmp_path / "x.npz")


# --- settings of runs --------------------------------------------------------------------------


def test_settings_from_the_description_and_from_names() -> None:
    old = {run.name: run for run in runs(reference.load("basic/gpt_c2i"))}
    told = old["cfg3_int5_k20_p09_t07_seed123"]
    assert (told.guidance_scale, told.seed, told.guided) == (3.0, 123, True)
    assert told.sampling.model_dump() == {
        "temperature": 0.7,
        "top_k": 20,
        "top_p": 0.9,
        "entropy_temperature": False,
        "greedy": False,
        "guidance_interval": 5,
    }
    new = {run.array: run for run in runs(reference.load("llamagen_c2i"))}
    assert new["sample.cfg15_int0_p08"].guidance_scale == 1.5
    assert new["greedy.nocfg"].sampling.greedy
    assert not new["greedy.nocfg"].guided


def test_a_run_nobody_describes(tmp_path: Path) -> None:
    path = changed("llamagen_c2i", tmp_path, lambda arrays: arrays.update({"greedy.other": arrays["greedy.cfg4"]}))
    with pytest.raises(WeightsError, match=r"does not say how greedy.other was drawn"):
        check_golden(path)


# --- differences -------------------------------------------------------------------------------


def test_differences_by_hand() -> None:
    inf, nan = torch.inf, torch.nan
    assert difference(torch.tensor([1.0, -inf]), torch.tensor([1.5, -inf])) == 0.5
    assert difference(torch.tensor([1.0, -inf]), torch.tensor([1.0, 2.0])) == inf
    assert difference(torch.tensor([1.0]), torch.tensor([nan])) == inf
    assert difference(torch.tensor([1, 2, 3]), torch.tensor([1, 5, 6])) == 2
    assert difference(torch.zeros(2), torch.zeros(3)) == inf
    assert difference(torch.zeros(0), torch.zeros(0)) == 0
    assert not Comparison("x", nan, 1.0).ok
    assert Comparison("x", 0.0, 0.0).ok
