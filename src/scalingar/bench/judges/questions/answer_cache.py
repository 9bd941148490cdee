"""Answers to questions about an image, kept on disk, so that a resumed run asks nothing again."""

from dataclasses import asdict
from pathlib import Path

from scalingar.bench.judges.questions.question_judge import Answers
from scalingar.core.chat.kept_records import KeptRecords


class AnswerCache:
    """One small JSON file per image and prompt. A file that cannot be read counts as missing."""

    def __init__(self, folder: Path) -> None:
        self.records = KeptRecords(folder)

    def get(self, key: str) -> Answers | None:
        """The answers kept under ``key``, or None."""
        record = self.records.get(key)
        try:
            answers = None if record is None else Answers(tuple(record["yes"]), record["model"], record["text"])
        except (KeyError, TypeError):
            return None
        if answers is None or not (isinstance(answers.model, str) and isinstance(answers.text, str)):
            return None
        return answers if all(isinstance(yes, bool) for yes in answers.yes) else None

    def put(self, key: str, answers: Answers) -> None:
        """Keep answers with their date. Raises OutputError, because losing paid answers must not go unnoticed."""
        self.records.put(key, asdict(answers))
