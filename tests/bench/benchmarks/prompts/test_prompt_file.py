"""Prompts of one's own, as people write them down."""

import json
from pathlib import Path

import pytest

from scalingar.bench.benchmark import Item
from scalingar.bench.benchmarks.prompts.prompt_file import read_prompts
from scalingar.core.errors import BenchmarkError


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def items(path: Path) -> list[Item]:
    return read_prompts(path).items


def test_lines_of_text(tmp_path: Path) -> None:
    """With a byte order mark, carriage returns, blank lines and a comment."""
    path = written(tmp_path, "a.txt", "\ufeff# mine\r\na red dog\r\n\r\n  two cats, one \u2028 black \r\n")
    assert items(path) == [
        Item("00000", "a red dog", "all"),
        Item("00001", "two cats, one \u2028 black", "all"),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_by_name(separator: str, tmp_path: Path) -> None:
    rows = [["ID", "Prompt", "tag"], ["a", f'"a red{separator} ""big"" dog"', "colour"], ["", "two\ncats", ""]]
    rows[2][1] = '"two\ncats"'
    path = written(tmp_path, "a.csv", "\r\n".join(separator.join(row) for row in rows))
    assert items(path) == [
        Item("a", f'a red{separator} "big" dog', "colour"),
        Item("00001", "two\ncats", "all"),
    ]


def test_json_lines_with_ids_and_tags(tmp_path: Path) -> None:
    rows = [{"id": 7, "prompt": "a", "tags": ["x", "y"]}, {"prompt": "b", "tag": "x", "include": []}]
    path = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    assert items(path) == [Item("7", "a", "x+y", {"tags": ["x", "y"]}), Item("00001", "b", "x")]
    assert [item.prompt for item in read_prompts(written(tmp_path, "a.json", '["a", {"prompt": "b"}]')).items] == [
        "a",
        "b",
    ]


def test_a_prompt_that_is_there_twice_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", "a\nb\na \n")
    told = read_prompts(path)
    assert [item.prompt for item in told.items] == ["a", "b"]
    assert told.left_out == f"{path}: line 3 says what line 1 does; each prompt is used once."


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "\n# only this\n", "holds no prompts; give a .txt"),
        ("a.txt", b"\xff\xfea\x00", "UTF-16"),
        ("a.txt", b"a \xe4 b", "no UTF-8 text"),
        ("a.docx", "a", "ends in none of .txt, .csv"),
        ("a.csv", "a red dog\na cat\n", "has no column 'prompt' in its first row"),
        ("a.csv", "prompt,id\na red, big dog,1\n", "line 2 has another number of columns"),
        ("a.csv", 'prompt\n"a\n', "is no CSV"),
        ("a.csv", "", "has no column 'prompt'"),
        ("a.jsonl", '{"prompt": "a"}\n{"prompt"', "line 2 is no JSON"),
        ("a.jsonl", '{"text": 5}', "line 1 has no text under 'prompt'"),
        ("a.jsonl", "5", "line 1 has no text under 'prompt'"),
        ("a.jsonl", '{"prompt": "a", "tag": {"x": 1}}', "an id or a tag that is no text"),
        ("a.jsonl", '{"prompt": "a", "id": "1"}\n{"prompt": "b", "id": 1}', "has the id '1' twice"),
        ("a.json", "{}", "has no text under 'prompt'"),
    ],
)
def test_a_file_that_is_none(name: str, content: str | bytes, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(BenchmarkError, match=message):
        read_prompts(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"cannot read .*No such file"):
        read_prompts(tmp_path / "a.txt")
