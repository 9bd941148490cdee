"""Reading YAML files: what is written is what is taken."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from scalingar.core.errors import ConfigError
from scalingar.core.yaml_file import as_written, dump_yaml, parse_yaml, read_yaml


def test_plain_values_come_back(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [1, x]\n")
    assert read_yaml(tmp_path / "a.yaml", "suite") == {"a": [1, "x"]}


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the suite .*none\.yaml: No such file or directory\."):
        read_yaml(tmp_path / "none.yaml", "suite")
    (tmp_path / "bad.yaml").write_text("a: [1\n")
    with pytest.raises(ConfigError, match=r"bad\.yaml is no YAML: .* in line 2\."):
        read_yaml(tmp_path / "bad.yaml", "suite")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml is no YAML: it is no UTF-8 text \(byte 3\)"):
        read_yaml(tmp_path / "latin.yaml", "suite")


def test_a_byte_order_mark_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("\ufeffa: 1\r\n".encode())
    assert read_yaml(tmp_path / "a.yaml", "suite") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16:9", "16:9"),
        ("12:30:45", "12:30:45"),
        ("0207", 207),
        ("010", 10),
        ("-010", -10),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("true", True),
        ("FALSE", False),
        ("2026-11-28", "2026-11-28"),
        ("null", None),
        ("~", None),
        ("", None),
        ("'010'", "010"),
        ("=", "="),
        ("{<<: {a: 1}}", {"<<": {"a": 1}}),
        ("-.inf", -math.inf),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    parsed = parse_yaml(text)
    assert parsed == value
    assert isinstance(parsed, type(value))


@pytest.mark.parametrize("text", ["0207", "1e3", "1.50", "+5", ".inf", "0x1f"])
def test_a_number_remembers_how_it_was_written(text: str) -> None:
    assert as_written(parse_yaml(text)) == text
    assert as_written(parse_yaml("12")) == 12


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("seed: 1\nseed: 2\n", "'seed' is there twice in line 2"),
        ("a: {b: 1, b: 1}", "'b' is there twice in line 1"),
        ("? [a]\n: 1", "a key is a list or a section"),
        ("!!python/object/apply:os.system [ls]", "is no kind of value that can be set"),
        ("!!set {a}", "is no kind of value"),
        ("&a [*a]", "'a' stands inside itself"),
        ("a: &a {b: *a}", "'a' stands inside itself"),
        ("[" * 5000, "nested in more than 50 levels"),
        ("- " * 5000, "nested in more than 50 levels"),
        ("1" * 5000, "is no integer that can be read"),
        ("a: 1\n---\nb: 2\n", "another document in line 2"),
        ("x" * 600_000, "longer than 500000 characters"),
        ("a: \x00", "unacceptable character"),
    ],
)
def test_what_is_refused_says_where(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_yaml(text)


def test_aliases_are_counted_before_they_are_written_out() -> None:
    levels = [
        f"{below}: &{below} [{', '.join([f'*{above}'] * 9)}]"
        for above, below in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    with pytest.raises(ValueError, match="holds more than 20000 values in line 5"):
        parse_yaml("\n".join(["a: &a [x, x]", *levels]))
    assert parse_yaml("a: &a [x]\nb: [*a, *a]") == {"a": ["x"], "b": [["x"], ["x"]]}


@pytest.mark.parametrize("ascii_only", [False, True])
def test_what_is_dumped_reads_the_same_in_both_versions(ascii_only: bool) -> None:
    texts = [
        "1e3",
        "16:9",
        "yes",
        "010",
        "0o17",
        ".5",
        "2026-11-28",
        "null",
        "",
        "a #b",
        "狗",
        "\x1b[2J",
        "\x85\u2028",
        "~/x",
    ]
    data = {"texts": texts, "numbers": [1e-7, 1e22, 1.5, 10**30, -3], "others": [None, True, {"a": []}]}
    text = dump_yaml(data, ascii_only=ascii_only)
    assert parse_yaml(text) == data == yaml.safe_load(text)
    assert text.isascii() or not ascii_only
    assert "\x1b" not in text
