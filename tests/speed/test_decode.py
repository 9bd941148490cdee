"""The benchmark compares like with like, and counts bytes as they are."""

import pytest
import torch

from scalingar.models.llamagen.config import LlamaGenConfig
from speed.decode import (
    bytes_per_step,
    copy_speed,
    line,
    main,
    median_seconds,
    ours,
    random_model,
    seconds_and_copy,
    straightforward,
)
from tests.tiny import llamagen as tiny


def test_both_loops_draw_the_same_codes() -> None:
    model = tiny.tiny_llamagen(tiny.CLASS_CONFIG)
    mine = ours(model, 4, 16)
    assert mine.shape == (4, 16)
    assert torch.equal(mine, straightforward(model, 4, 16))
    assert not torch.equal(mine[0], mine[2]), "the branches differ"


def test_bytes_of_a_step_by_hand() -> None:
    model = random_model(tiny.CLASS_CONFIG, torch.bfloat16)
    config = model.config
    weights = 2 * sum(p.numel() for n, p in model.named_parameters() if n != "tok_embeddings.weight")
    cached = 2 * config.layers * 4 * config.dim * 2 * (16 + 1) / 2  # keys and values, half of the slots, two bytes
    assert bytes_per_step(model, 4) == weights + 4 * config.dim * 2 + cached


def test_random_weights_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    model = random_model(tiny.CLASS_CONFIG, torch.float32)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.norm.weight.unique().tolist() == [1.0]
    assert 0.015 < float(model.output.weight.std()) < 0.025


def test_medians_leave_out_the_first_run() -> None:
    calls: list[int] = []
    assert median_seconds(lambda: calls.append(1), 3) >= 0
    assert len(calls) == 4


def test_a_copy_is_timed_after_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    speeds = iter([3.0, 1.0, 2.0])

    def copied() -> float:
        calls.append("copy")
        return next(speeds)

    monkeypatch.setattr("speed.decode.copy_speed", copied)
    assert seconds_and_copy(lambda: calls.append("run"), 3)[1] == 2.0
    assert calls == ["run", *["run", "copy"] * 3]


def test_speed_of_the_table() -> None:
    model = tiny.tiny_llamagen(tiny.CLASS_CONFIG)
    words = line("B fp32", model, 4, 10, 2.0, 1e6).split()
    assert words[:5] == ["B", "fp32", "4", "200.00", "10.0"]  # 10 steps of 2 codes in 2 seconds
    assert words[-1] == f"{1e6 / (bytes_per_step(model, 4) * 10 / 2.0):.2f}x"
    assert copy_speed(megabytes=1, repeats=1) > 1e6


def test_smallest_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(LlamaGenConfig, "published", lambda *_: tiny.CLASS_CONFIG)
    monkeypatch.setattr("speed.decode.copy_speed", lambda: 1e9)
    compiled: list[LlamaGenConfig] = []
    monkeypatch.setattr(
        "scalingar.models.llamagen.transformer.LlamaGen.compile", lambda model: compiled.append(model.config)
    )
    options = ["--grid", "4", "--rows", "2", "--dtypes", "fp32", "--repeats", "1", "--compile", "--reference"]
    monkeypatch.setattr("sys.argv", ["decode", *options])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert [text[:12].strip() for text in lines[2:]] == ["B fp32", "B fp32, comp", "B fp32, stra"]
    assert compiled == [tiny.CLASS_CONFIG]
