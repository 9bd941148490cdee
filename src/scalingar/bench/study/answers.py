"""The answers of a study, in SQLite: one row each, on disk before the next question is shown."""

import json
import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Self

from scalingar.bench.study.sessions import Shown, session
from scalingar.bench.study.study import EQUAL, HIGHEST, LOWEST, REASONS, Pair, Study
from scalingar.core.errors import BenchmarkError, OutputError, sentence

ANSWERS = "answers.sqlite"
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Of a participant's code: none that is taken for another."""
_CODE = 8
_TABLES = """
CREATE TABLE IF NOT EXISTS participants (
    number INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, began TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS answers (
    participant INTEGER NOT NULL REFERENCES participants(number),
    question INTEGER NOT NULL,
    kind TEXT NOT NULL,
    left_run TEXT NOT NULL,
    right_run TEXT,
    value INTEGER NOT NULL CHECK (value BETWEEN 1 AND 5),
    reasons TEXT NOT NULL,
    answered TEXT NOT NULL,
    PRIMARY KEY (participant, question)
);
"""


@dataclass(frozen=True)
class Answer:
    """One answer. ``left_run``: of a rating the runs that drew the picture, with commas between them."""

    participant: int
    question: int
    value: int
    reasons: tuple[str, ...]
    kind: str = ""
    left_run: str = ""
    right_run: str | None = None
    answered: str = ""


@dataclass(frozen=True)
class Progress:
    """Where a participant stands: ``shown`` is the next question, None at the end; ``done`` of ``total``."""

    shown: Shown | None
    done: int
    total: int


class AnswerStore:
    """Participants and answers of one study. Calls may come from several threads; one process writes at a time."""

    def __init__(self, folder: Path, study: Study) -> None:
        """Opens ``answers.sqlite`` in the folder, or makes it. Raises OutputError, BenchmarkError."""
        self.path, self.study = folder / ANSWERS, study
        self._lock = Lock()
        self._sessions: dict[int, list[Shown]] = {}
        try:
            self._base = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.executescript(_TABLES)
            (found,) = self._base.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(f"it is damaged ({found})")
        except sqlite3.DatabaseError as error:
            raise OutputError(f"{self.path} cannot be written as a file of answers: {sentence(error)}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Everything is on disk already."""
        self._base.close()

    def enter(self, most: int | None = None) -> str:
        """A new participant; returns the code with which to come back. Raises BenchmarkError: there are ``most``."""
        code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE))
        with self._lock:
            (number,) = self._base.execute("SELECT COALESCE(MAX(number) + 1, 0) FROM participants").fetchone()
            if most is not None and number >= most:
                raise BenchmarkError(f"{number} people take part already, and no more are asked.")
            self._write("INSERT INTO participants VALUES (?, ?, ?)", (number, code, _now()))
        return code

    def progress(self, code: str) -> Progress:
        """What a participant is to be asked next. Raises BenchmarkError: nobody has this code."""
        with self._lock:
            return self._progress(self._number(code))

    def answer(self, code: str, question: int, value: int, reasons: Sequence[str] = ()) -> Progress:
        """Write the answer to the question that is asked now, and say what is next.

        An answer that is there already is left as it is: a page sends it again when it heard nothing.

        Raises:
            BenchmarkError: nobody has this code, another question is asked now, or the answer is outside of the scale.
            OutputError: it cannot be written.
        """
        with self._lock:
            number = self._number(code)
            known = "SELECT 1 FROM answers WHERE participant = ? AND question = ?"
            # The database takes no number of more than 64 bits.
            asked = question in range(len(self.study.questions))
            if asked and self._base.execute(known, (number, question)).fetchone() is not None:
                return self._progress(number)
            shown = self._progress(number).shown
            if shown is None or shown.number != question:
                told = str(question)[:20]
                raise BenchmarkError(f"question {told} is not the one that is asked now; load the page again.")
            _check(shown, value, reasons)
            pair = isinstance(shown.question, Pair)
            left, right = shown.runs if pair else (",".join(shown.runs), None)
            told = json.dumps([reason for reason in REASONS if reason in reasons])
            row = (number, question, shown.question.kind, left, right, value, told, _now())
            self._write("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            return self._progress(number)

    def _write(self, statement: str, row: tuple[object, ...]) -> None:
        try:
            self._base.execute(statement, row)
        except sqlite3.DatabaseError as error:
            raise OutputError(f"cannot write into {self.path}: {error}; the answer was not kept.") from None

    def _number(self, code: str) -> int:
        plain = code.strip().lower()
        # The database takes no text that is no UTF-8.
        found = None
        if set(plain) <= set(_LETTERS):
            found = self._base.execute("SELECT number FROM participants WHERE code = ?", (plain,)).fetchone()
        if found is None:
            raise BenchmarkError("nobody has this code; look at it again, or begin anew.")
        return int(found[0])

    def _progress(self, participant: int) -> Progress:
        if participant not in self._sessions:
            self._sessions[participant] = session(self.study, participant)
        questions = self._sessions[participant]
        rows = self._base.execute("SELECT question FROM answers WHERE participant = ?", (participant,))
        answered = {question for (question,) in rows}
        left = [shown for shown in questions if shown.number not in answered]
        return Progress(left[0] if left else None, len(questions) - len(left), len(questions))


def read_answers(folder: Path, study: Study) -> list[Answer]:
    """All answers, of each participant in the order in which they were given.

    Raises BenchmarkError: there are none, or they are not of this study.
    """
    path = folder / ANSWERS
    if not path.is_file():
        raise BenchmarkError(f"{folder} has no answers yet; ask people with 'study serve {folder}'.")
    names = "participant, question, value, reasons, kind, left_run, right_run, answered"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
            # By the row and not by the clock, which may stand still between two answers, or go back.
            rows = base.execute(f"SELECT {names} FROM answers ORDER BY participant, rowid").fetchall()
        answers = [Answer(row[0], row[1], row[2], tuple(json.loads(row[3])), *row[4:]) for row in rows]
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        raise BenchmarkError(f"{path} cannot be read as the answers of a study: {sentence(error)}") from None
    for answer in answers:
        _check_row(answer, study, path)
    if not answers:
        raise BenchmarkError(f"{folder} has no answers yet; ask people with 'study serve {folder}'.")
    return answers


def _check(shown: Shown, value: int, reasons: Sequence[str]) -> None:
    """Raises BenchmarkError for an answer that is none."""
    if isinstance(value, bool) or not isinstance(value, int) or not LOWEST <= value <= HIGHEST:
        raise BenchmarkError(f"the answer {str(value)[:20]} is outside of the scale; choose {LOWEST} to {HIGHEST}.")
    if unknown := [reason for reason in reasons if reason not in REASONS]:
        raise BenchmarkError(f"{unknown[0][:20]!r} is no reason; choose among {', '.join(REASONS)}.")
    if isinstance(shown.question, Pair):
        if value != EQUAL and not reasons:
            raise BenchmarkError(f"say why it is better: {', '.join(REASONS)}.")
    elif reasons:
        raise BenchmarkError("a rating has no reasons.")


def _check_row(answer: Answer, study: Study, path: Path) -> None:
    if not 0 <= answer.question < len(study.questions) or not LOWEST <= answer.value <= HIGHEST:
        raise BenchmarkError(f"{path} holds an answer to no question of this study, or outside of the scale.")
    question = study.questions[answer.question]
    told = {answer.left_run, answer.right_run} if isinstance(question, Pair) else set(answer.left_run.split(","))
    if told != set(question.runs):
        raise BenchmarkError(f"{path} holds answers to another study; build and serve a study in a folder of its own.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
