"""Files that are replaced whole."""

from pathlib import Path

import pytest

from training.writing import replaced


def test_a_file_is_replaced_when_all_of_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    with replaced(path) as file:
        file.write(b"old")
    with pytest.raises(KeyboardInterrupt), replaced(path) as file:  # noqa: PT012
        file.write(b"ne")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    with replaced(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".scalingar-0123456789abcdef.partial"
    left.mkdir()
    (left / "content").write_bytes(b"half")
    with replaced(tmp_path / "file") as file:
        file.write(b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
