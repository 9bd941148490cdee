"""Reading the data of benchmarks."""

from pathlib import Path

from scalingar.core import text_file
from scalingar.core.errors import BenchmarkError


def read_text(path: str | Path, advice: str) -> str:
    """The text of a UTF-8 file, without a byte order mark. Raises BenchmarkError, with advice, if it cannot be read."""
    try:
        return text_file.read_text(path)
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"cannot read {path}: {text_file.reason(error)}; {advice}.") from None


def read_lines(path: str | Path, advice: str) -> list[tuple[int, str]]:
    """The lines of a UTF-8 file that are not blank, with their numbers from 1. Raises BenchmarkError with advice."""
    lines = text_file.lines_of(read_text(path, advice))
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
