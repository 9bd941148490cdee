"""What is asked about a picture: whether it shows its prompt, or questions from a file."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from scalingar.core import text_file
from scalingar.core.errors import ConfigError

SHOWS = 'Does this picture show "{prompt}"?'
_PROMPT = ("prompt", "caption", "text")
_LISTS = ("questions", "vqa_list")
_FORM = 'write rows such as {"prompt": "a red dog", "questions": ["Is there a dog?", ["Is it blue?", "no"]]}'


@dataclass(frozen=True)
class Question:
    """A question that is answered with yes or no. ``expected``: the answer that pleases."""

    text: str
    expected: bool = True

    @classmethod
    def of(cls, question: str, answer: str) -> "Question":
        """A question whose answer may be a word, as in TIFA: it becomes one about that answer."""
        question, answer = " ".join(question.split()), " ".join(answer.split())
        if answer.lower() in ("yes", "no"):
            return cls(question, answer.lower() == "yes")
        return cls(f'{question} Is the answer "{answer}"?')


@dataclass(frozen=True)
class Questions:
    """Questions by prompt; ``by_prompt`` None: the one of :data:`SHOWS`."""

    by_prompt: Mapping[str, tuple[Question, ...]] | None = None
    path: Path | None = None

    @property
    def digest(self) -> str | None:
        """SHA-256 of what the file asked when it was read; None without one."""
        if self.by_prompt is None:
            return None
        told = [[prompt, [astuple(question) for question in asked]] for prompt, asked in self.by_prompt.items()]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def about(self, prompt: str) -> tuple[Question, ...]:
        """What is asked about pictures of a prompt. Raises ConfigError if the file has nothing about it."""
        if self.by_prompt is None:
            return (Question(SHOWS.format(prompt=" ".join(prompt.split()))),)
        if prompt.strip() not in self.by_prompt:
            raise ConfigError(f"{self.path} asks nothing about the prompt {prompt[:80]!r}; add a row for it.")
        return self.by_prompt[prompt.strip()]

    @classmethod
    def read(cls, path: Path | None) -> "Questions":
        """Of a JSON list or of JSON lines; several rows may be about one prompt, as in TIFA's files.

        Raises:
            ConfigError: the file cannot be read, or a row is no question.
        """
        if path is None:
            return cls()
        found: dict[str, list[Question]] = {}
        for place, row in _rows(path):
            prompt, asked = _asked(path, place, row)
            found.setdefault(prompt, []).extend(asked)
        if not found:
            raise ConfigError(f"{path} holds no questions; {_FORM}.")
        return cls({prompt: tuple(dict.fromkeys(asked)) for prompt, asked in found.items()}, path)


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Rows with where they stand."""
    try:
        text = text_file.read_text(path)
        if text.lstrip().startswith("["):
            yield from ((f"row {number}", row) for number, row in enumerate(text_file.parse_json(text), 1))
            return
        for number, line in enumerate(text_file.lines_of(text), 1):
            if line.strip():
                yield f"line {number}", text_file.parse_json(line)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as questions: {text_file.reason(error)}; {_FORM}.") from None


def _asked(path: Path, place: str, row: Any) -> tuple[str, list[Question]]:
    """The prompt of a row, and what it asks."""
    told = row if isinstance(row, dict) else {}
    prompt = next((told[name] for name in _PROMPT if isinstance(told.get(name), str)), "").strip()
    listed: Any = next((told[name] for name in _LISTS if name in told), None)
    if listed is None and "question" in told:
        listed = [[told["question"], told.get("answer", "yes")]]
    try:
        asked = [Question.of(*_pair(entry)) for entry in listed if isinstance(listed, list)]
    except TypeError:
        asked = []
    if not prompt or not asked:
        raise ConfigError(f"{path}, {place} is no prompt with questions; {_FORM}.")
    return prompt, asked


def _pair(entry: Any) -> tuple[str, str]:
    """Question and expected answer. Raises TypeError for anything else."""
    if isinstance(entry, str):
        entry = [entry, "yes"]
    elif isinstance(entry, dict):
        entry = [entry.get("question"), entry.get("answer", "yes")]
    if not isinstance(entry, list) or len(entry) != 2:
        raise TypeError
    question, answer = entry
    if not isinstance(question, str) or not question.strip() or isinstance(answer, bool | list | dict | None):
        raise TypeError
    return question, str(answer)
