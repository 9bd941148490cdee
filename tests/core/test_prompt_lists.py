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
        ("prompts", b"a dog, asleep\r\n \r\ntwo cats"),
        ("a.csv", b'id,Prompt\r\n\r\n1,"a dog, asleep"\r\n,\r\n2,two cats\r\n'),
        ("a.csv", b"\n prompt ; tag \na dog, asleep;x\ntwo cats;\n"),
        ("a.csv", b'caption,text\n"a dog, asleep",x\ntwo cats,y\n'),
        ("A.TSV", b"prompt\ttag\na dog, asleep\tx\ntwo cats\t\n"),
        ("a.tsv", b"prompt\na dog, asleep\ntwo cats\n"),
        ("a.jsonl", b'{"tag": 1, "prompt": "a dog, asleep"}\r\n\r\n"two cats"\n'),
        ("a.jsonl", b'["a dog, asleep",\n"two cats"]\n'),
        ("a.json", b'["a dog, asleep", {"Text": " two cats "}]'),
    ],
)
@pytest.mark.parametrize("mark", [b"", BOM], ids=["", "bom"])
def test_every_kind_of_list(name: str, content: bytes, mark: bytes, tmp_path: Path) -> None:
    assert [prompt.text for prompt in listed(tmp_path, name, mark + content)] == ["a dog, asleep", "two cats"]


def test_places_ids_and_tags(tmp_path: Path) -> None:
    assert listed(tmp_path, "a.csv", b'ID,prompt,tag\n,"a\ndog",x\n\nb,a cat,x;y\n') == [
        ListedPrompt("a\ndog", "line 2", "00000", ("x",)),
        ListedPrompt("a cat", "line 5", "b", ("x", "y")),
    ]
    assert listed(tmp_path, "a.jsonl", b'207\n{"id": 7, "prompt": "a dog", "tags": ["x", "x", 2]}\n') == [
        ListedPrompt("207", "line 1", "00000"),
        ListedPrompt("a dog", "line 2", "7", ("x", "2")),
    ]
    assert listed(tmp_path, "a.json", b'["a dog"]') == [ListedPrompt("a dog", "entry 1", "00000")]


def test_a_prompt_that_is_there_twice_is_one_prompt(tmp_path: Path) -> None:
    """So it takes no number from the others."""
    assert [prompt.id for prompt in listed(tmp_path, "a.txt", b"a\na \nb")] == ["00000", "00000", "00001"]


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        (b"00001,a\n,b\n", ["00001", "00002"]),
        (b",a\n00000,b\n,c\n", ["00001", "00000", "00002"]),
        (b",a\n,b\n00000,c\n", ["00001", "00002", "00000"]),
        (b",a\n,b\n00003,c\n", ["00000", "00001", "00003"]),
    ],
)
def test_a_number_that_is_another_prompts_id_is_left_to_it(rows: bytes, ids: list[str], tmp_path: Path) -> None:
    assert [prompt.id for prompt in listed(tmp_path, "a.csv", b"id,prompt\n" + rows)] == ids


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BOM + "ein Bär\r\n".encode())))
    assert read_prompt_list("-") == [ListedPrompt("ein Bär", "line 1", "00000")]
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ConfigError, match="cannot read the prompts in the standard input: it is closed"):
        read_prompt_list("-")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", b"# nothing\n\n", "holds no prompts; give a text file"),
        ("a.csv", b"", "holds no prompts"),
        ("a.json", b"[]", "holds no prompts"),
        ("a.docx", b"a dog", r"it ends in \.docx; give a text file"),
        ("a.csv", b"a red dog\na cat\n", "it has no column 'prompt' in its first row"),
        ("a.csv", b"id,promt\n1,a dog\n", "it has no column 'prompt' in its first row"),
        ("a.csv", b"prompt,tag,Prompt\na,b,c\n", "it has the column 'prompt' twice"),
        ("a.csv", b"prompt,tag\na cat, asleep, no\n", r"in line 2 is 3 and in the first row 2 \(a prompt"),
        ("a.csv", b"prompt,tag\na cat\n", "in line 2 is 1 and in the first row 2"),
        ("a.csv", b"prompt,tag\n,x\n", "line 2 has nothing under 'prompt'"),
        ("a.csv", b'prompt\n"a dog', "line 2 is no row of a table"),
        ("a.jsonl", b'"a dog"\n{"prompt"}\n', "line 2 is no JSON"),
        ("a.jsonl", b'{"name": "a dog"}\n', "line 1 has nothing under 'prompt'"),
        ("a.jsonl", b'"a dog"\n\n{"prompt": 1.5}\n', "line 3 has 1.5 under 'prompt', which is no text"),
        ("a.jsonl", b'{"prompt": " "}\n', "which is no text"),
        ("a.json", b'["a", {"prompt": "b", "tag": {"x": 1}}]', "entry 2 has an id or a tag that is no text"),
        (
            "a.jsonl",
            b'{"prompt": "a", "id": "1"}\n{"prompt": "b", "id": 1}',
            "line 1 and line 2 have the same id '1'; give",
        ),
        ("a.csv", b"id,prompt\n1,a\n,c\n1,b\n", "line 2 and line 4 have the same id '1'; give"),
        ("a.jsonl", b'{"prompt": "a", "Prompt": "b"}\n', "line 1 has the key 'prompt' twice"),
        ("a.json", b'["a", {"prompt": "b", "Tag": "x", "tag ": "y"}]', "entry 2 has the key 'tag' twice"),
        ("a.txt", b"a\xff", "no UTF-8 text"),
        ("a.txt", b"\xff\xfea\x00", "UTF-16"),
    ],
)
def test_what_is_no_list(name: str, content: bytes, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=problem):
        listed(tmp_path, name, content)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the prompts in .*No such file"):
        read_prompt_list(tmp_path / "a.csv")
