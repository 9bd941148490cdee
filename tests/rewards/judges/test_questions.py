"""Questions about a prompt, from the files that people have."""

import json
from pathlib import Path
from typing import Any

import pytest

from scalingar.core.errors import ConfigError
from scalingar.rewards.judges.questions import Question, Questions


def written(folder: Path, content: Any) -> Path:
    path = folder / "questions.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def test_without_a_file() -> None:
    assert Questions.read(None).about(" a  red dog") == (Question('Does this picture show "a red dog"?'),)


def test_tifa_has_a_row_per_question(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "caption": "two dogs", "question": "are there dogs?", "choices": ["yes", "no"], "answer": "yes"},
        {"id": "1", "caption": "two dogs", "question": "how many dogs?", "choices": ["1", "2"], "answer": "2"},
        {"id": "1", "caption": "two dogs", "question": "is it a cat?", "answer": "No"},
    ]
    assert Questions.read(written(tmp_path, rows)).about("two dogs") == (
        Question("are there dogs?"),
        Question('how many dogs? Is the answer "2"?'),
        Question("is it a cat?", expected=False),
    )


def test_lines_with_lists(tmp_path: Path) -> None:
    """As GenEval 2 writes them, with a byte order mark and a carriage return."""
    line = json.dumps({"prompt": "two dogs", "vqa_list": [["How many dogs?", "two"], ["Dogs?", "yes"]]})
    asked = Questions.read(written(tmp_path, f"\ufeff{line}\r\n\r\n")).about("two dogs ")
    assert [question.text for question in asked] == ['How many dogs? Is the answer "two"?', "Dogs?"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no questions; write rows such as"),
        ("[1]", "row 1 is no prompt with questions"),
        ('{"prompt": "a"}\n', "line 1 is no prompt with questions"),
        ('{"prompt": "a", "questions": "Is it?"}\n', "line 1 is no prompt with questions"),
        ('{"prompt": "a", "questions": []}\n', "line 1 is no prompt with questions"),
        ('{"prompt": "a", "questions": [["Is it?", null]]}\n', "line 1 is no prompt with questions"),
        ('{"questions": ["Is it?"]}\n', "line 1 is no prompt with questions"),
        ('{"prompt": "a", "question": ""}\n', "line 1 is no prompt with questions"),
        ("{", "cannot be read as questions"),
        ("[[", "cannot be read as questions"),
    ],
)
def test_a_file_of_something_else(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        Questions.read(written(tmp_path, content))
