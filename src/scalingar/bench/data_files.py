"""Reading the data of benchmarks."""

from pathlib import Path

from scalingar.core.errors import BenchmarkError


def read_text(path: str | Path, advice: str) -> str:
    """The text of a UTF-8 file. Raises BenchmarkError, with advice, for a file that cannot be read."""
    path = Path(path).expanduser()
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise BenchmarkError(f"cannot read {path}: {reason}; {advice}.") from None


def read_lines(path: str | Path, advice: str) -> list[tuple[int, str]]:
    """The lines of a UTF-8 file that are not blank, with their numbers from 1. Raises BenchmarkError with advice."""
    return [(number, line) for number, line in enumerate(read_text(path, advice).splitlines(), 1) if line.strip()]
