"""A cache of answers on disk: judges cost money, and a resumed run must not ask again."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from scalingar.bench.judges.questions.question_judge import Answers
from scalingar.core.errors import OutputError
from scalingar.core.files import sweep, write_file
from scalingar.core.pixels import rgb


@dataclass(frozen=True)
class AnswerCache:
    """One small JSON file per image and prompt. A file that cannot be read counts as missing."""

    folder: Path

    def __post_init__(self) -> None:
        """Removes what processes left in the folder that were killed while they wrote."""
        sweep(self.folder)

    def get(self, key: str) -> Answers | None:
        """The answers kept under ``key``, or None."""
        try:
            record = json.loads((self.folder / f"{key}.json").read_text("utf-8"))
            answers = Answers(tuple(record["yes"]), record["model"], record["text"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        words = isinstance(answers.model, str) and isinstance(answers.text, str)
        return answers if words and all(isinstance(yes, bool) for yes in answers.yes) else None

    def put(self, key: str, answers: Answers) -> None:
        """Keep answers with their date. Raises OutputError, because losing paid answers must not go unnoticed."""
        record = {**asdict(answers), "date": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot keep answers in {self.folder}: {error.strerror}; choose another one.") from None
        write_file(self.folder / f"{key}.json", (json.dumps(record, indent=1) + "\n").encode())


def answer_key(image: Image.Image, **request: Any) -> str:
    """A hash of an image's pixels and of everything else that the answers depend on."""
    picture = rgb(image)
    pixels = hashlib.sha256(picture.tobytes()).hexdigest()
    return hashlib.sha256(json.dumps([picture.size, pixels, request], sort_keys=True).encode()).hexdigest()
