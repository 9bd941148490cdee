"""Reading the data of benchmarks."""

from pathlib import Path

import pytest

from scalingar.bench.data_files import read_lines
from scalingar.core.errors import BenchmarkError


def test_blank_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("a\n\n  \nb\n")
    assert read_lines(tmp_path / "lines", "copy it again") == [(1, "a"), (4, "b")]


def test_other_separators_are_characters_of_a_line(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("a\u2028b\nc\x85d\x0ce\n", "utf-8")
    assert read_lines(tmp_path / "lines", "copy it again") == [(1, "a\u2028b"), (2, "c\x85d\x0ce")]


def test_a_file_that_cannot_be_read_is_named_with_advice(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"cannot read .*none: No such file or directory; copy it again\."):
        read_lines(tmp_path / "none", "copy it again")
    (tmp_path / "latin").write_bytes(b"\xe9")
    with pytest.raises(BenchmarkError, match=r"latin: it is no UTF-8 text \(byte 0\); copy it again\."):
        read_lines(tmp_path / "latin", "copy it again")
