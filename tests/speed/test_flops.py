"""Counted arithmetic: that of a product by hand, with attention, and a line per strategy."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

from speed import flops
from tests.tiny.pipes import tiny_pipe


def test_attention_counts_two_products() -> None:
    q, k = torch.zeros(1, 2, 3, 8), torch.zeros(1, 2, 5, 8)
    with FlopCounterMode(display=False) as counter:
        scaled_dot_product_attention(q, k, k)
    assert counter.get_total_flops() == 2 * (2 * 2 * 3 * 5 * 8)


def test_eight_trajectories_cost_less_than_eight_images() -> None:
    pipe = tiny_pipe()
    one, _ = flops.counted(pipe, "single", 0)
    many, output = flops.counted(pipe, "random-of-n", 0)
    assert output.ledger.tokens == 8 * 16
    assert one < many < 8 * one, "one picture is decoded, and the prompt is read once"


def test_every_strategy_has_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(flops.ImagePipeline, "from_pretrained", lambda _: tiny_pipe())
    flops.main(["--repeats", "1"])
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split() for line in lines[3:]}
    assert rows["single"][2] == "1.00"
    assert {"best-of-n", "scaling-ar", "stop-when-good"} <= set(rows)
