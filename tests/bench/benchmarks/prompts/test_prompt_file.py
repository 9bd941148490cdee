"""Prompts of one's own, as people write them down."""

import json
from pathlib import Path

import pytest

from scalingar.bench.benchmark import Item
from scalingar.bench.benchmarks.prompts.prompt_file import read_prompts
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.core.prompt_lists import read_prompt_list


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


def test_what_is_no_list_is_told_as_everywhere(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "a red dog\na cat\n")
    with pytest.raises(ConfigError, match="has no column 'prompt' in its first row") as here:
        read_prompts(path)
    with pytest.raises(ConfigError) as there:
        read_prompt_list(path)
    assert str(here.value) == str(there.value)


def test_the_standard_input_cannot_be_read_again() -> None:
    with pytest.raises(BenchmarkError, match="write them to a file"):
        read_prompts(Path("-"))
