"""The cache as an object: writing, selecting, and who may look where."""

import pytest
import torch
import torch.nn.functional as F

from scalingar.models.llamagen.kv_cache import KVCache
from scalingar.models.llamagen.slots import Slots


def numbered(rows: int, slots: int = 4, layers: int = 2) -> KVCache:
    """Every entry of a row holds the row's number."""
    fill = torch.arange(rows, dtype=torch.float32)[:, None, None, None].expand(-1, 2, slots, 3)
    return KVCache([torch.stack([fill, fill + 100]) for _ in range(layers)], torch.eye(rows, 3).bool())


def attend(cache: KVCache, layer: int, key: torch.Tensor, slots: Slots) -> torch.Tensor:
    """Store ``key`` and its negative as the value; what queries of zero read is the mean of the values they see."""
    return cache.view(slots).attend(layer, torch.stack([torch.zeros_like(key), key, -key]))


def test_select_takes_rows_in_order_and_repeats() -> None:
    cache = numbered(3).select(torch.tensor([2, 0, 2]))
    assert cache.rows == 3
    for keys, values in zip(cache.keys, cache.values, strict=True):
        assert keys[:, 0, 0, 0].tolist() == [2, 0, 2]
        assert values[:, 1, 3, 2].tolist() == [102, 100, 102]
    assert cache.prefix_mask is not None
    assert cache.prefix_mask.int().tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1]]


def test_selected_copies_do_not_share_memory() -> None:
    cache = numbered(2).select(torch.tensor([1, 1]))
    key = torch.full((2, 2, 1, 3), 7.0)
    key[1] = 9.0
    attend(cache, 0, key, Slots(0, 1))
    assert cache.keys[0][:, 0, 0, 0].tolist() == [7.0, 9.0]


def test_select_shrinks_the_memory() -> None:
    cache = numbered(8)
    before = cache.nbytes
    assert before == 2 * 2 * (8 * 2 * 4 * 3) * 4
    cache = cache.select(torch.tensor([5, 1]))
    assert cache.nbytes == before // 4
    held = sum(layer.untyped_storage().nbytes() for layer in cache.layers)
    assert held == cache.nbytes


def test_rows_in_step_are_written_at_the_same_slots() -> None:
    cache = numbered(2)
    cache.prefix_mask = None
    key = torch.full((2, 2, 1, 3), 5.0)
    read = attend(cache, 1, key, Slots(2, 3))
    assert cache.keys[1][1, 0, :, 0].tolist() == [1.0, 1.0, 5.0, 1.0]
    assert cache.values[1][0, 0, :, 0].tolist() == [100.0, 100.0, -5.0, 100.0]
    assert cache.keys[0][1, 0, :, 0].tolist() == [1.0] * 4, "another layer was touched"
    torch.testing.assert_close(read[:, 0, 0, 0], torch.tensor([195 / 3, 197 / 3]))


def test_ragged_rows_are_written_each_at_its_own_slot() -> None:
    cache = numbered(2)
    cache.prefix_mask = None
    key = torch.tensor([50.0, 60.0])[:, None, None, None].expand(2, 2, 1, 3)
    read = attend(cache, 0, key, Slots.at(torch.tensor([2, 0])))
    assert cache.keys[0][:, 1, :, 2].tolist() == [[0.0, 0.0, 50.0, 0.0], [60.0, 1.0, 1.0, 1.0]]
    assert cache.values[0][:, 0, :, 0].tolist() == [[100.0, 100.0, -50.0, 100.0], [-60.0, 101.0, 101.0, 101.0]]
    torch.testing.assert_close(read[:, 1, 0, 2], torch.tensor([50.0, -60.0]))


# --- a collapsed prefix ------------------------------------------------------------------------


def test_collapse_puts_the_mean_of_the_valid_values_into_one_slot() -> None:
    cache = numbered(3, slots=3)
    for values in cache.values:
        values.add_(torch.tensor([0.0, 10.0, 60.0])[:, None])  # by slot
    cache.prefix_mask = torch.tensor([[1, 1, 1], [0, 1, 1], [0, 0, 0]]).bool()
    small = cache.collapse(3, 5)
    assert small.collapsed
    assert not cache.collapsed
    for keys, values in zip(small.keys, small.values, strict=True):
        assert keys.shape == values.shape == (3, 2, 6, 3)
        assert bool((keys == 0).all())
        torch.testing.assert_close(values[:, 0, 0, 0], torch.tensor([100 + 70 / 3, 101 + 35.0, 0.0]))
        assert bool((values[:, :, 1:] == 0).all())
    assert small.prefix_mask is not None
    torch.testing.assert_close(small.prefix_mask[:, 0], torch.tensor([3.0, 2.0, 0.0]).log())


def test_collapse_without_a_mask_counts_every_slot() -> None:
    cache = numbered(2, slots=4)
    cache.prefix_mask = None
    small = cache.collapse(4, 1)
    assert small.prefix_mask is not None
    torch.testing.assert_close(small.prefix_mask, torch.full((2, 1), 4.0).log())


def test_select_keeps_the_bias_of_a_collapsed_prefix() -> None:
    cache = numbered(2, slots=3)
    cache.prefix_mask = torch.tensor([[1, 1, 1], [0, 0, 1]]).bool()
    small = cache.collapse(3, 2).select(torch.tensor([1, 0, 1]))
    assert small.collapsed
    assert small.prefix_mask is not None
    torch.testing.assert_close(small.prefix_mask[:, 0], torch.tensor([1.0, 3.0, 1.0]).log())


# --- attention over windows --------------------------------------------------------------------

POSITIONS = [5, 5, 2, 2, 2, 7, 1, 5, 5, 2, 2, 2, 7, 1]


def filled(prefix_mask: torch.Tensor | None) -> KVCache:
    generator = torch.Generator().manual_seed(0)
    return KVCache([torch.randn(2, len(POSITIONS), 2, 9, 3, generator=generator)], prefix_mask)


@pytest.mark.parametrize("worth", [0, 200, 10**6])
@pytest.mark.parametrize("prefix", ["none", "words", "collapsed"])
def test_every_row_attends_as_it_would_alone(monkeypatch: pytest.MonkeyPatch, worth: int, prefix: str) -> None:
    monkeypatch.setattr("scalingar.models.llamagen.kv_cache.WORTH_A_CALL", worth)
    generator = torch.Generator().manual_seed(1)
    count = len(POSITIONS)
    valid = torch.rand(count, 2, generator=generator) < 0.5
    mask = {"none": None, "words": valid, "collapsed": torch.rand(count, 1, generator=generator)}[prefix]
    qkv = torch.randn(3, count, 2, 1, 3, generator=generator)
    query, key, value = qkv
    cache, slots = filled(mask), Slots.at(torch.tensor(POSITIONS))
    together = cache.view(slots).attend(0, qkv)
    for row, at in enumerate(POSITIONS):
        keys, values = (t[0][row].clone() for t in (filled(None).keys, filled(None).values))
        keys[:, at], values[:, at] = key[row, :, 0], value[row, :, 0]
        seen = Slots(at, at + 1).mask(None if mask is None else mask[row : row + 1], torch.device("cpu"))
        alone = F.scaled_dot_product_attention(
            query[row : row + 1], keys[None, :, : at + 1], values[None, :, : at + 1], seen
        )
        torch.testing.assert_close(together[row : row + 1], alone)


def test_rows_in_step_are_read_in_one_call_without_a_copy() -> None:
    windows = filled(None).view(Slots(3, 4)).windows
    assert [(window.slots.rows, window.mask) for window in windows] == [(slice(None), None)]
