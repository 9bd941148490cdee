"""Rows of transformers' cache: growth, selection, and what happens without transformers."""

import importlib.util
import sys

import pytest
import torch

from scalingar.core.errors import DecodingError, PackageError
from scalingar.models.hf import hf_cache
from scalingar.models.hf.hf_cache import CHUNK, GrowingLayer, HFCache


def states(rows: int, tokens: int, *, first: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys that say which row and slot they belong to, and values of the opposite sign."""
    at = torch.arange(first, first + tokens, dtype=torch.float32)[:, None]
    keys = 1000.0 * torch.arange(rows)[:, None, None, None] + at.expand(rows, 2, tokens, 3)
    return keys, -keys


def test_filling_across_chunks_keeps_everything() -> None:
    layer = GrowingLayer()
    tokens = CHUNK - 3
    layer.update(*states(2, tokens))
    held = layer.buffers[0].nbytes
    for first in range(tokens, tokens + 6, 2):
        keys, values = layer.update(*states(2, 2, first=first))
    expected = states(2, CHUNK + 3)
    assert torch.equal(keys, expected[0])
    assert torch.equal(values, expected[1])
    assert layer.get_seq_length() == CHUNK + 3
    assert layer.buffers[0].nbytes == 2 * held


def test_steps_within_a_chunk_do_not_copy() -> None:
    layer = GrowingLayer()
    layer.update(*states(1, 4))
    address = layer.buffers[0].data_ptr()
    keys, _ = layer.update(*states(1, 1, first=4))
    assert layer.buffers[0].data_ptr() == keys.data_ptr() == address


def test_selecting_keeps_the_named_rows() -> None:
    cache = HFCache([GrowingLayer(), GrowingLayer()], torch.tensor([0, 2, 1]), True)
    for layer in cache.layers:
        layer.update(*states(3, 5))
    before = cache.nbytes
    chosen = cache.select(torch.tensor([2, 0, 2, 2]))
    assert chosen.rows == 4
    assert chosen.pads.tolist() == [1, 0, 1, 1]
    assert chosen.nbytes == before * 4 // 3
    for layer in chosen.layers:
        keys, values = layer.update(*states(4, 1, first=5))
        assert keys[:, 0, 0, 0].tolist() == [2000.0, 0.0, 2000.0, 2000.0]
        assert torch.equal(values[:, :, :5], -keys[:, :, :5])
        assert keys[:, 0, 5, 0].tolist() == [5.0, 1005.0, 2005.0, 3005.0]


def test_rows_must_stand_together() -> None:
    cache = HFCache.empty(1, torch.tensor([0, 0]))
    assert cache.in_step(torch.tensor([4, 4])) == 4
    with pytest.raises(DecodingError, match="positions 3 to 4"):
        cache.in_step(torch.tensor([4, 3]))


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert hf_cache.__file__ is not None
    spec = importlib.util.spec_from_file_location("hf_cache_without", hf_cache.__file__)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(PackageError, match=r"needs transformers, which is not installed.*the extra hf"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
