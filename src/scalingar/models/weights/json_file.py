"""Settings beside weight files."""

from pathlib import Path
from typing import Any

from scalingar.core.text_file import parse_json, read_text


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if there is no such file, or something else in it."""
    try:
        content = parse_json(read_text(path))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
