"""Text and JSON of others."""

import random
from pathlib import Path

import pytest

from scalingar.core.text_file import lines_of, parse_json, printable, read_text


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfa dog\r\n")
    assert lines_of(read_text(tmp_path / "a.txt")) == ["a dog"]


def test_a_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("x")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_text("~/a.txt") == "x"


@pytest.mark.parametrize(
    ("content", "problem"), [(b"a\xff", "no UTF-8 text .byte 1"), ("a".encode("utf-16"), "but UTF-16")]
)
def test_other_encodings_are_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=problem):
        read_text(tmp_path / "a.txt")


def test_lines_end_at_line_feeds_only() -> None:
    assert lines_of("a\u2028b\x85c\x0bd\r\ne\n\nf\n") == ["a\u2028b\x85c\x0bd", "e", "", "f"]
    assert lines_of("") == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ("[NaN]", "NaN is no number"),
        ("-Infinity", "is no number"),
        ('"\\ud83d"', "half a character"),
        ("1" * 5000, "digits"),
        ("{", "Expecting"),
    ],
)
def test_what_is_no_json_is_a_value_error(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_json(text)


def test_a_key_that_is_there_twice_among_many() -> None:
    keys = ", ".join(f'"key {number}": 1' for number in range(100_000))
    with pytest.raises(ValueError, match="'twice' is there twice"):
        parse_json(f'{{"twice": 1, {keys}, "twice": 2}}')


def test_json_is_read() -> None:
    assert parse_json('\ufeff{"a": ["\\ud83d\\udc15", 1.5, null]}') == {"a": ["🐕", 1.5, None]}


def test_no_command_reaches_a_terminal() -> None:
    assert printable("a red \x1b[2J\x07dog\u202e\x9b1m\n狗\t🐕\udcff") == (
        "a red \\x1b[2J\\x07dog\\u202e\\x9b1m\n狗\t🐕\\udcff"
    )
    noise = random.Random(0)
    for _ in range(200):
        text = printable("".join(chr(noise.randrange(0x3000)) for _ in range(50)))
        assert all(letter in "\n\t" or letter > "\x9f" or " " <= letter <= "~" for letter in text)
