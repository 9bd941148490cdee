"""The 553 prompts are the official ones, line by line."""

import json
from pathlib import Path

import pytest

from scalingar.bench.benchmarks.geneval.prompts import official_prompts, read_prompts, spell_out
from scalingar.bench.benchmarks.geneval.scoring import metadata_string
from scalingar.core.errors import BenchmarkError, PromptError
from tests.bench.benchmarks.geneval.cases import METADATA

LINES = METADATA.read_text().splitlines()


def test_our_prompts_are_the_official_lines() -> None:
    """Equal as objects and, since upstream tells prompts apart by the string, as text."""
    ours = official_prompts()
    assert [one.to_dict() for one in ours] == [json.loads(line) for line in LINES]
    assert [metadata_string(metadata) for metadata in ours] == LINES


def test_the_official_file_reads_the_same() -> None:
    assert tuple(read_prompts(METADATA)) == official_prompts()


@pytest.mark.parametrize(
    "phrase", ["", "unicorn", "dog and", "red and blue", "two red dog", "dog above", "a dog with wings"]
)
def test_phrases_outside_the_grammar(phrase: str) -> None:
    with pytest.raises(PromptError, match="is no phrase of GenEval's grammar"):
        spell_out(phrase)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "holds no prompts"),
        ("{", r"line 1 is no JSON"),
        (LINES[0] + "\n\n" + LINES[0], "holds the prompt 'a photo of a bench' twice"),
        (LINES[0] + '\n{"tag": "colors", "prompt": "p"}', "line 2: include is missing"),
        (LINES[0].replace('"bench"', '"bnech"', 1), r"line 1: .*did you mean 'bench'"),
        (LINES[0].replace('"count"', '"cuont"', 1), r"line 1: .*cuont is no setting; did you mean .count.[?]$"),
        (
            LINES[0].replace("single_object", "single_objcet"),
            r"line 1: .*no task of GenEval; did you mean",
        ),
    ],
)
def test_files_that_are_wrong_say_where(text: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text(text)
    with pytest.raises(BenchmarkError, match=complaint):
        read_prompts(file)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="No such file or directory; give an evaluation_metadata"):
        read_prompts(tmp_path / "none")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchmarkError, match="it is no UTF-8 text"):
        read_prompts(tmp_path / "bytes")
