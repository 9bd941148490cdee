"""Parts of a run come together to the bytes of the whole, or not at all."""

from pathlib import Path

import pytest

from scalingar.bench.runs.parts.merge import merge
from scalingar.bench.runs.parts.part import Part
from scalingar.bench.runs.store import SAMPLES, RunStore
from scalingar.bench.runs.validate import check_run
from scalingar.core.errors import BenchmarkError
from scalingar.core.locks import sole_writer
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, runner, written


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three shards in two parts, and a third part that has none."""
    folder = tmp_path_factory.mktemp("parts")
    drawn = [_part(folder / str(number), Part(number, 2)) for number in (1, 2)]
    assert drawn == [[0, 4, 6], [0, 4]]
    return [folder / "1", folder / "2"]


def _part(folder: Path, part: Part, **changes: object) -> list[int]:
    run = runner(folder, "single", **changes)  # type: ignore[arg-type]
    run.part = part
    return finish(run)


def test_the_parts_are_the_whole_run_to_the_byte(parts: list[Path], tmp_path: Path) -> None:
    finish(runner(tmp_path / "whole", "single"))
    empty = tmp_path / "empty"
    assert _part(empty, Part(4, 4)) == [0]
    assert merge([parts[1], empty, parts[0]], Bright(), RunStore(tmp_path / "merged")) == 10
    assert written(tmp_path / "merged") == written(tmp_path / "whole")
    assert check_run(tmp_path / "merged", Bright()) == 10


def test_a_merge_that_was_stopped_goes_on(parts: list[Path], tmp_path: Path) -> None:
    merge(parts, Bright(), RunStore(tmp_path))
    before = written(tmp_path)
    (tmp_path / SAMPLES).write_bytes(b"")
    with pytest.warns(UserWarning, match="not as it was written"):
        merge(parts, Bright(), RunStore(tmp_path))
    assert written(tmp_path) == before


def test_a_part_is_not_replaced_by_the_whole(parts: list[Path]) -> None:
    before = written(parts[0])
    with pytest.raises(BenchmarkError, match="is a part, which the whole run would replace"):
        merge(parts, Bright(), RunStore(parts[1].parent / "." / parts[0].name))
    assert written(parts[0]) == before


def test_gaps_overlaps_other_plans_and_damage_are_refused(parts: list[Path], tmp_path: Path) -> None:
    store = RunStore(tmp_path / "merged")
    with pytest.raises(BenchmarkError, match="shard 1 of 3 missing"):
        merge(parts[:1], Bright(), store)
    with pytest.raises(BenchmarkError, match="both hold shard 0"):
        merge([parts[0], parts[1], parts[0]], Bright(), store)
    _part(tmp_path / "other", Part(2, 2), images_per_prompt=3)
    with pytest.raises(BenchmarkError, match="images_per_prompt: 3 there, 2 here"):
        merge([parts[0], tmp_path / "other"], Bright(), store)
    _part(tmp_path / "kind", Part(2, 2), device_kind="another")
    with pytest.raises(BenchmarkError, match="device_kind: 'another' there, None here"):
        merge([parts[0], tmp_path / "kind"], Bright(), store)
    _part(tmp_path / "hurt", Part(2, 2))
    with sole_writer(tmp_path / "hurt"), pytest.raises(BenchmarkError, match="is being written by process"):
        merge([parts[0], tmp_path / "hurt"], Bright(), store)
    next((tmp_path / "hurt").rglob("*.png")).unlink()
    with pytest.raises(BenchmarkError, match="Run that part again to mend it"):
        merge([parts[0], tmp_path / "hurt"], Bright(), store)
    assert not store.folder.exists()
