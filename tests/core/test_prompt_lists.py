"""Lists of prompts as people have them."""

import io
from pathlib import Path

import pytest

from scalingar.core.errors import ConfigError
from scalingar.core.prompt_lists import ListedPrompt, read_prompt_list

BOM = b"\xef\xbb\xbf"


def listed(folder: Path, name: str, content: bytes) -> list[ListedPrompt]:
    (folder / name).write_bytes(content)
    return read_prompt_list(folder / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"# mine\na dog, asleep\n\ntwo cats\n"),
        ("a.prompts", b"a dog, asleep\r\n \r\ntwo cats"),
        ("a.csv", b'id,Prompt\r\n\r\n1,"a dog, asleep"\r\n,\r\n2,two cats\r\n'),
        ("a.csv", b'"a dog, asleep"\ntwo cats\n'),
        ("a.csv", b'caption,text\n"a dog, asleep",x\ntwo cats,y\n'),
        ("A.TSV", b"prompt\ttag\na dog, asleep\tx\ntwo cats\n"),
        ("a.jsonl", b'{"tag": 1, "prompt": "a dog, asleep"}\r\n\r\n"two cats"\n'),
        ("a.json", b'["a dog, asleep", {"text": " two cats "}]'),
    ],
)
@pytest.mark.parametrize("mark", [b"", BOM], ids=["", "bom"])
def test_every_kind_of_list(name: str, content: bytes, mark: bytes, tmp_path: Path) -> None:
    assert [prompt.text for prompt in listed(tmp_path, name, mark + content)] == ["a dog, asleep", "two cats"]


def test_lines_and_other_columns(tmp_path: Path) -> None:
    assert listed(tmp_path, "a.csv", b'prompt,tag\n"a\ndog",x\n\na cat,y\n') == [
        ListedPrompt("a\ndog", 2, {"tag": "x"}),
        ListedPrompt("a cat", 5, {"tag": "y"}),
    ]
    assert listed(tmp_path, "a.jsonl", b"207\n") == [ListedPrompt("207", 1)]
    assert listed(tmp_path, "a.jsonl", b'\n{"id": 7, "prompt": "a dog"}\n') == [ListedPrompt("a dog", 2, {"id": 7})]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BOM + "ein Bär\r\n".encode())))
    assert read_prompt_list("-") == [ListedPrompt("ein Bär", 1)]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", b"# nothing\n\n", "holds no prompts"),
        ("a.csv", b"", "holds no prompts"),
        ("a.csv", b"id,promt\n1,a dog\n", "line 1 has 2 columns, and the first line calls none of them 'prompt'"),
        ("a.csv", b"a dog\na cat, asleep\n", "line 2 has 2 columns"),
        ("a.csv", b"prompt,tag\na cat, asleep, no\n", "line 2 has 3 columns, the first one 2; put texts in quotes"),
        ("a.csv", b"prompt,tag\n,x\n", "line 2 has an empty 'prompt'"),
        ("a.csv", b'prompt\n"a dog', "line 2 is no row of a table"),
        ("a.jsonl", b'"a dog"\n{"prompt"}\n', "line 2 is no JSON"),
        ("a.jsonl", b'{"name": "a dog"}\n', "entry 1 is .*, without a 'prompt'"),
        ("a.jsonl", b'{"prompt": 1.5}\n', "without a 'prompt'"),
        ("a.json", b'{"prompt": "a dog"}', "it is no array"),
        ("a.txt", b"a\xff", "no UTF-8 text"),
    ],
)
def test_what_is_no_list(name: str, content: bytes, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=problem):
        listed(tmp_path, name, content)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the prompts in .*No such file"):
        read_prompt_list(tmp_path / "a.csv")
