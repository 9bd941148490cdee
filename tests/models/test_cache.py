"""The cache as an object: writing, selecting, and who may look where."""

import torch
from torch import Tensor

from scalingar.models.cache import KVCache, Slots


def numbered(rows: int, slots: int = 4, layers: int = 2) -> KVCache:
    """Every entry of a row holds the row's number."""
    fill = torch.arange(rows, dtype=torch.float32)[:, None, None, None].expand(-1, 2, slots, 3)
    return KVCache(
        [fill.clone() for _ in range(layers)],
        [fill.clone() + 100 for _ in range(layers)],
        torch.eye(rows, 3).bool(),
    )


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
    cache.write(0, key, key, Slots(0, 1))
    assert cache.keys[0][:, 0, 0, 0].tolist() == [7.0, 9.0]


def test_select_shrinks_the_memory() -> None:
    cache = numbered(8)
    before = cache.nbytes
    assert before == 2 * 2 * (8 * 2 * 4 * 3) * 4
    cache = cache.select(torch.tensor([5, 1]))
    assert cache.nbytes == before // 4
    held = sum(t.untyped_storage().nbytes() for t in (*cache.keys, *cache.values))
    assert held == cache.nbytes


def test_uniform_write_returns_what_is_filled() -> None:
    cache = numbered(2)
    key = torch.full((2, 2, 2, 3), 5.0)
    keys, values = cache.write(1, key, -key, Slots(1, 3))
    assert keys.shape == (2, 2, 3, 3)
    assert keys[1, 0, :, 0].tolist() == [1.0, 5.0, 5.0]
    assert values[0, 0, :, 0].tolist() == [100.0, -5.0, -5.0]
    assert cache.keys[0][1, 0, :, 0].tolist() == [1.0] * 4, "another layer was touched"
    assert keys.data_ptr() == cache.keys[1].data_ptr(), "a copy was made"


def test_ragged_write_puts_each_row_at_its_own_slot() -> None:
    cache = numbered(2)
    key = torch.tensor([50.0, 60.0])[:, None, None, None].expand(2, 2, 1, 3)
    slots = Slots.at(torch.tensor([2, 0]))
    keys, values = cache.write(0, key, -key, slots)
    assert keys[:, 1, :, 2].tolist() == [[0.0, 0.0, 50.0], [60.0, 1.0, 1.0]]
    assert values[:, 0, :, 0].tolist() == [[100.0, 100.0, -50.0], [-60.0, 101.0, 101.0]]


def test_rows_in_step_take_the_uniform_path() -> None:
    assert Slots.at(torch.tensor([4, 4, 4])).uniform
    assert Slots.at(torch.tensor([4, 4, 4])) == Slots(4, 5)
    ragged = Slots.at(torch.tensor([4, 6, 5]))
    assert not ragged.uniform
    assert (ragged.first, ragged.end) == (4, 7)


def allowed(query: int, prefix: list[int], slots: int) -> list[bool]:
    """The rule, restated slot by slot."""
    return [(j <= query and (j >= len(prefix) or bool(prefix[j]))) or j == query for j in range(slots)]


def rows_of(mask: Tensor | None) -> list[list[bool]]:
    assert mask is not None
    return [row.tolist() for row in mask.flatten(0, 2)]


def test_prefill_mask() -> None:
    prefixes = [[0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 1], [1, 0, 0, 0]]
    mask = Slots(0, 4).mask(torch.tensor(prefixes).bool(), torch.device("cpu"))
    expected = [allowed(query, prefix, 4) for prefix in prefixes for query in range(4)]
    assert rows_of(mask) == expected


def test_step_mask_in_step_and_ragged() -> None:
    prefixes = [[0, 1], [1, 0], [1, 1]]
    valid = torch.tensor(prefixes).bool()
    mask = Slots.at(torch.tensor([3, 3, 3])).mask(valid, torch.device("cpu"))
    assert rows_of(mask) == [allowed(3, prefix, 4) for prefix in prefixes]
    positions = [4, 2, 3]
    mask = Slots.at(torch.tensor(positions)).mask(valid, torch.device("cpu"))
    pairs = zip(positions, prefixes, strict=True)
    assert rows_of(mask) == [allowed(query, prefix, 5) for query, prefix in pairs]


def test_every_query_sees_something_even_without_valid_slots() -> None:
    for slots in (Slots(0, 3), Slots.at(torch.tensor([0])), Slots.at(torch.tensor([2]))):
        mask = slots.mask(torch.zeros(1, 3).bool(), torch.device("cpu"))
        assert mask is not None
        assert mask.any(-1).all()


def test_one_query_in_step_without_a_prefix_mask_needs_none() -> None:
    assert Slots(5, 6).mask(None, torch.device("cpu")) is None
    causal = Slots(0, 3).mask(None, torch.device("cpu"))
    assert rows_of(causal) == [allowed(query, [], 3) for query in range(3)]


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


def test_mask_of_a_collapsed_prefix_is_added_to_the_scores() -> None:
    bias = torch.tensor([[0.5], [2.0]])
    together = Slots.at(torch.tensor([2, 2])).mask(bias, torch.device("cpu"))
    assert together is not None
    assert together.tolist() == [[[[0.5, 0.0, 0.0]]], [[[2.0, 0.0, 0.0]]]]
    ragged = Slots.at(torch.tensor([1, 2])).mask(bias, torch.device("cpu"))
    assert ragged is not None
    assert ragged.tolist() == [[[[0.5, 0.0, -torch.inf]]], [[[2.0, 0.0, 0.0]]]]
