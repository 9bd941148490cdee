"""IPV-Txt on a made-up suite: filters, domains, and one question about each image."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from scalingar.bench.benchmark import Judged
from scalingar.bench.benchmarks.ipv_subsets import PAPER_IDS, SPATIAL_IDS, STILL_IDS
from scalingar.bench.benchmarks.ipv_txt import IPVTxt, IPVTxtSettings, read_suite
from scalingar.bench.judges.questions import JudgeSettings
from scalingar.bench.statistics import wilson_interval
from scalingar.core.errors import BenchmarkError, ConfigError
from tests.bench.judging import Reciting


def leaf(number: int, label: str) -> dict[str, Any]:
    return {"prompt_taxonomy_label": label, "prompt_id": number, "prompt_text": f"prompt {number}"}


def write(folder: Path, suite: Any) -> Path:
    path = folder / "suite.json"
    path.write_text(json.dumps(suite))
    return path


SUITE = {
    "Physical Laws": {"Optics": [leaf(3, "Physical Laws - Optics")], "Fluid": {"Flow": [leaf(1, "x"), leaf(24, "y")]}},
    "Social Laws": {"Magic": [leaf(7, "z")]},
}


def bench(path: Path, rule: Any = lambda _: True, **settings: Any) -> IPVTxt:
    return IPVTxt(IPVTxtSettings(prompts=path, judge=JudgeSettings(model="seer"), **settings), Reciting(rule))


def test_a_run(tmp_path: Path) -> None:
    benchmark = bench(write(tmp_path, SUITE), lambda question: "prompt 1" not in question, subset="all")
    assert [(one.id, one.task) for one in benchmark.items()] == [
        ("1", "Physical Laws"), ("3", "Physical Laws"), ("7", "Social Laws"), ("24", "Physical Laws"),
    ]  # fmt: skip
    judged = [
        Judged(one, n, verdict)
        for one in benchmark.items()
        for n, verdict in enumerate(benchmark.score(one, [Image.new("RGB", (4, 4))] * 2))
    ]
    summary = benchmark.summary(judged)
    assert summary.overall.value == pytest.approx(6 / 8)
    assert summary.tasks["Physical Laws"].value == pytest.approx(2 / 3)
    assert (summary.further["wilson_low"], summary.further["wilson_high"]) == wilson_interval(6, 8)
    assert summary.further["Physical Laws - Fluid"] == 0.5
    assert summary.label == "IPV-Txt (all prompts, judged by reciting)"
    assert benchmark.image_path(benchmark.items()[3], 1) == "24/0001.png"


def test_filters(tmp_path: Path) -> None:
    path = write(tmp_path, SUITE)
    assert [one.id for one in bench(path, ids=(7, 3, 7)).items()] == ["3", "7"]
    with pytest.raises(BenchmarkError, match=r"has no prompt 42 \(69 such\)"):
        bench(path, subset="spatial")
    with pytest.raises(BenchmarkError, match=r"has no prompt 5 \(1 such\)"):
        bench(path, ids=(3, 5))


def test_the_default_subset_holds_the_prompts_that_the_paper_shows(tmp_path: Path) -> None:
    assert len(set(SPATIAL_IDS)) == 70
    assert len(set(STILL_IDS)) == len(STILL_IDS) == 135
    assert set(STILL_IDS) > set(SPATIAL_IDS) | set(PAPER_IDS)
    path = write(tmp_path, {"a": {"b": [leaf(number, "x") for number in range(309)]}})
    assert [int(one.id) for one in bench(path).items()] == list(STILL_IDS)
    assert [one.id for one in bench(path, subset="paper").items()] == ["43", "204", "245"]
    assert len(bench(path, subset="all").items()) == 309


@pytest.mark.parametrize(
    ("suite", "complaint"),
    [
        ({}, "holds no prompts"),
        ({"a": {"b": [leaf(1, "x"), leaf(1, "y")]}}, "an id twice"),
        ({"a": {"b": [{"prompt_id": 1}]}}, "is no suite of IPV-Txt prompts"),
        ([1], "is no suite"),
    ],
)
def test_files_that_are_none(suite: Any, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=complaint):
        read_suite(write(tmp_path, suite))
    with pytest.raises(BenchmarkError, match=r"No such file or directory; set prompts to the authors'"):
        read_suite(tmp_path / "none.json")


def test_the_key_of_a_judge_is_looked_for_before_images_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not where a run is planned or read."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings = IPVTxtSettings(prompts=write(tmp_path, SUITE), judge=JudgeSettings(model="seer"), subset="all")
    benchmark = IPVTxt.build(settings, device="cpu", dtype=torch.float32)
    assert len(benchmark.items()) == 4
    assert benchmark.label == "IPV-Txt (all prompts, judged by seer, temperature 0)"
    with pytest.raises(ConfigError, match="set OPENAI_API_KEY"):
        benchmark.prepare()
    bench(settings.prompts, subset="all").prepare()  # a judge that needs nothing has no such method
