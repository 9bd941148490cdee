"""Data files as people save them, and as nobody should."""

import json
from pathlib import Path

import pytest

from scalingar.bench.benchmarks.geneval.prompts import read_prompts
from scalingar.bench.benchmarks.ipv_txt import read_suite
from scalingar.bench.benchmarks.t2i_compbench.dataset import PromptNameWarning, name_of, read_category
from scalingar.bench.benchmarks.tiif import TIIFSettings, read_type
from scalingar.bench.judges.questions import JudgeSettings
from scalingar.core.errors import BenchmarkError

DOG = {"tag": "single_object", "include": [{"class": "dog", "count": 1}], "prompt": "a photo of a dog"}
LEAF = {"prompt_id": "1", "prompt_text": "a dog that floats", "prompt_taxonomy_label": "x"}


def test_a_byte_order_mark_belongs_to_no_prompt(tmp_path: Path) -> None:
    (tmp_path / "color_val.txt").write_bytes("\ufeffa red book\r\na blue vase\r\n".encode())
    assert [item.prompt for item in read_category(tmp_path, "color")] == ["a red book", "a blue vase"]
    (tmp_path / "p.jsonl").write_bytes(("\ufeff" + json.dumps(DOG) + "\r\n").encode())
    assert read_prompts(tmp_path / "p.jsonl")[0].prompt == "a photo of a dog"
    (tmp_path / "ipv.json").write_bytes(("\ufeff" + json.dumps({"a": {"b": [LEAF]}})).encode())
    assert read_suite(tmp_path / "ipv.json")[0].prompt == "a dog that floats"


def test_a_line_separator_ends_no_line(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps({**DOG, "prompt": "a\u2028dog"}, ensure_ascii=False) + "\n", "utf-8")
    assert read_prompts(tmp_path / "p.jsonl")[0].prompt == "a\u2028dog"


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "NaN", "[1]", '"x"', "3", "null", '{"a": 1, "a": 2}', '{"prompt": "\\ud83d"}', "\0"]
)
def test_what_is_no_data_is_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "p").write_text(text)
    with pytest.raises(BenchmarkError, match="line 1"):
        read_prompts(tmp_path / "p")
    for content in (text, f"[{text}]", f'{{"a": {text}}}', f'{{"a": {{"b": [{text}]}}}}'):
        (tmp_path / "p").write_text(content)
        with pytest.raises(BenchmarkError, match=r"is no suite|holds no prompts"):
            read_suite(tmp_path / "p")
    for kind in ("prompts", "eval_prompts"):
        folder = tmp_path / f"testmini_{kind}"
        folder.mkdir()
        (folder / f"x_{kind}.jsonl").write_text(text)
    settings = TIIFSettings(
        folder=tmp_path, length="short", judge=JudgeSettings(model="m", base_url="http://127.0.0.1:9/v1")
    )
    with pytest.raises(BenchmarkError):
        read_type(settings, "x")


def test_ids_beyond_all_numbers(tmp_path: Path) -> None:
    (tmp_path / "p").write_text(json.dumps({"a": {"b": [LEAF]}}).replace('"1"', "1e400"))
    with pytest.raises(BenchmarkError, match="is no suite"):
        read_suite(tmp_path / "p")


def test_prompts_that_cannot_name_a_file_are_told_before_drawing(tmp_path: Path) -> None:
    (tmp_path / "color_val.txt").write_text("a red dog and/or a cat\na blue vase\n")
    with pytest.warns(PromptNameWarning, match=r"1 prompts of color are no names of files"):
        read_category(tmp_path, "color")
    assert "/" not in name_of("a red dog and/or a cat")
    assert name_of("a blue vase") == "a blue vase"
