"""The script for a GPU runs through in tiny sizes, and writes what it measured as it goes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from speed.device import __main__ as script
from speed.device.image_models import bytes_read, complete
from speed.device.random_models import llamagen_pipe
from speed.device.report import Report, Row
from speed.device.sizes import PUBLISHED, TINY, Sizes
from speed.device.timing import copy_speed, step_seconds

CPU = torch.device("cpu")


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    monkeypatch.setattr("sys.argv", ["device", "--out", str(folder), "--tiny", "--device", "cpu", *arguments])
    script.main()
    return dict(json.loads((folder / "device.json").read_text()))


def test_everything_in_tiny_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(tmp_path, monkeypatch)
    assert list(found["parts"]) == list(script.PARTS)
    assert [part.get("error") for part in found["parts"].values()] == [None] * 6
    rows = {name: part["rows"] for name, part in found["parts"].items()}
    kinds = [(row["model"], row["rows"], row["kind"]) for row in rows["llamagen"][1:]]
    assert kinds == [(m, n, kind) for m in ("B", "XL") for kind in ("eager", "captured") for n in (2, 8)]
    assert [row["tokens"] for row in rows["scaling-ar"]][:2] == [16, 64]
    assert rows["scaling-ar"][2]["tokens"] < 64
    assert [(row["loop"], row["images"]) for row in rows["janus"]] == [
        (loop, images) for loop in ("scalingar", "transformers") for images in (1, 4)
    ]
    for name in ("var", "infinity"):
        assert [row["strategy"] for row in rows[name]].count("tts-var") == 2
        ratios = [row["× best-of-n, equal tokens"] for row in rows[name] if row["strategy"] == "tts-var"]
        assert all(ratio > 0 for ratio in ratios)
        assert [row["decodes"] for row in rows[name] if row["strategy"] == "tts-var"] == [21, 42]
    for file in ("kernels.txt", "host.txt"):
        assert "calls" in (tmp_path / file).read_text().lower()
    tables = (tmp_path / "device.md").read_text()
    assert "| XL | 8 | captured |" in tables
    assert f"torch {torch.__version__}" in tables


def test_a_part_that_fails_is_named_and_the_next_one_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(sizes: Sizes, device: torch.device, folder: Path) -> Iterator[Row]:
        yield {"value": 1.5}
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(script, "PARTS", {"llamagen": breaks, "profile": lambda *_: iter([{"value": 2.0}])})
    parts = run(tmp_path, monkeypatch, "--parts", "llamagen,profile")["parts"]
    assert parts["llamagen"]["rows"] == [{"value": 1.5}]
    assert parts["llamagen"]["error"] == "RuntimeError: no such kernel"
    assert parts["profile"]["rows"] == [{"value": 2.0}]
    assert "Ended with RuntimeError" in (tmp_path / "device.md").read_text()


def test_rows_are_written_at_once_and_the_time_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def part(sizes: Sizes, device: torch.device, folder: Path) -> Iterator[Row]:
        for number in range(3):
            yield {"number": number}
            seen.append(len(json.loads((folder / "device.json").read_text())["parts"]["llamagen"]["rows"]))

    monkeypatch.setattr(script, "PARTS", {"llamagen": part})
    assert run(tmp_path, monkeypatch)["parts"]["llamagen"]["complete"]
    assert seen == [1, 2, 3]
    late = run(tmp_path, monkeypatch, "--minutes", "-1")["parts"]["llamagen"]
    assert (late["rows"], late["complete"]) == ([], False)


def test_unknown_parts_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, monkeypatch, "--parts", "llamagen,vra")


def test_one_table_for_rows_with_the_same_names(tmp_path: Path) -> None:
    report = Report(tmp_path, {"device": "a card"})
    report.begin("part")
    for row in ({"a": 1.0, "b": None}, {"a": 12345.6, "b": "x"}, {"c": 1}):
        report.add("part", row)  # type: ignore[arg-type]
    assert "| a | b |\n| --- | --- |\n| 1 | — |\n| 12346 | x |\n\n| c |\n| --- |\n| 1 |" in report.markdown()


def test_bytes_of_a_step_by_hand() -> None:
    pipe = llamagen_pipe(TINY.llamagen["B"], TINY, CPU)
    model: Any = pipe.model
    weights = 2 * sum(
        p.numel() for name, p in model.named_parameters() if not name.startswith(("tok_embeddings", "cls_embedding"))
    )
    cached = 2 * 2 * 8 * 32 * 2 * (6 + 17 / 2)  # keys and values, layers, rows, width, bytes, slots filled on average
    assert bytes_read(model, 8) == weights + cached


def test_seconds_of_a_step_leave_out_the_first_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = llamagen_pipe(TINY.llamagen["B"], TINY, CPU)
    clock = iter([10.0, 18.0])
    monkeypatch.setattr("speed.device.timing.synchronised", lambda device: next(clock))
    assert step_seconds(complete(pipe, 2), CPU) == 1.0  # 8 of 16 steps
    monkeypatch.undo()
    assert copy_speed(2**20, CPU) > 1e6


def test_published_sizes() -> None:
    assert [(config.layers, config.dim) for config in PUBLISHED.llamagen.values()] == [
        (12, 768), (24, 1024), (36, 1280), (24, 3200),
    ]  # fmt: skip
    assert PUBLISHED.var.dim == 1920
    assert (PUBLISHED.infinity.dim, PUBLISHED.infinity_schedule.image_size) == (2048, (1024, 1024))
