"""Records on disk by key: answers cost money, and what was asked once must not be asked again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from scalingar.core.errors import OutputError
from scalingar.core.files import sweep, write_file
from scalingar.core.pixels import rgb


@dataclass(frozen=True)
class KeptRecords:
    """One small JSON file per key. A file that cannot be read counts as missing."""

    folder: Path

    def __post_init__(self) -> None:
        """Removes what processes left in the folder that were killed while they wrote."""
        sweep(self.folder)

    def get(self, key: str) -> dict[str, Any] | None:
        """The record kept under ``key``, or None."""
        try:
            record = json.loads((self.folder / f"{key}.json").read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return record if isinstance(record, dict) else None

    def put(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record with its date. Raises OutputError, because losing paid answers must not go unnoticed."""
        dated = {**record, "date": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot keep answers in {self.folder}: {error.strerror}; choose another one.") from None
        write_file(self.folder / f"{key}.json", (json.dumps(dated, indent=1) + "\n").encode())


def picture_key(image: Image.Image, **request: Any) -> str:
    """A hash of an image's pixels and of everything else that the answers depend on."""
    picture = rgb(image)
    pixels = hashlib.sha256(picture.tobytes()).hexdigest()
    return _hashed([picture.size, pixels, request])


def model_key(**told: Any) -> str:
    """A hash of what distinguishes one model from others, for what is known of it whatever it is shown."""
    return _hashed(told)


def _hashed(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
