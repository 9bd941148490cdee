"""Only replicas of the cluster that the timing started are killed."""

from pathlib import Path

import pytest

from speed.replicas import one_of, replica_processes

REPLICA = "ray::ServeReplica:scalingar:Replica"


def process(folder: Path, number: int, parent: int, name: str) -> None:
    (folder / str(number)).mkdir()
    (folder / str(number) / "cmdline").write_text(f"{name}\0--more\0")
    (folder / str(number) / "stat").write_text(f"{number} (ray::) odd) S {parent} 1 1")


def test_only_descendants_of_this_process_are_found(tmp_path: Path) -> None:
    for number, parent, name in (
        (10, 1, "python"),
        (20, 10, "raylet"),
        (30, 20, REPLICA),
        (31, 20, REPLICA),
        (32, 20, "ray::IDLE"),
        (40, 1, "raylet"),
        (50, 40, REPLICA),
    ):
        process(tmp_path, number, parent, name)
    (tmp_path / "60").mkdir()  # it ended meanwhile
    assert replica_processes(tmp_path, 10) == [30, 31]
    assert replica_processes(tmp_path, 40) == [50]
    assert replica_processes() == []


def test_where_none_is_found_none_is_killed() -> None:
    assert one_of([30, 31], 0) in (30, 31)
    with pytest.raises(SystemExit, match="no replica of this cluster is in /proc, and none was killed"):
        one_of([], 0)
