"""Where rows stand, who may look where, and which rows attention reads together."""

import torch
from torch import Tensor

from scalingar.models.llamagen.slots import Slots


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


def test_mask_of_a_collapsed_prefix_is_added_to_the_scores() -> None:
    bias = torch.tensor([[0.5], [2.0]])
    together = Slots.at(torch.tensor([2, 2])).mask(bias, torch.device("cpu"))
    assert together is not None
    assert together.tolist() == [[[[0.5, 0.0, 0.0]]], [[[2.0, 0.0, 0.0]]]]
    ragged = Slots.at(torch.tensor([1, 2])).mask(bias, torch.device("cpu"))
    assert ragged is not None
    assert ragged.tolist() == [[[[0.5, 0.0, -torch.inf]]], [[[2.0, 0.0, 0.0]]]]


# --- which rows are read together --------------------------------------------------------------


def bounds(positions: list[int], worth: int) -> list[tuple[int, int, int]]:
    parts = Slots.at(torch.tensor(positions)).split(worth)
    return [(part.rows.start, part.rows.stop, part.end) for part in parts]


def test_split_keeps_rows_in_step_together() -> None:
    assert bounds([4, 4, 9, 9, 9, 1], 0) == [(0, 2, 5), (2, 5, 10), (5, 6, 2)]


def test_split_joins_rows_where_that_reads_little_more() -> None:
    # Rows 0 and 1 would read 2 * 5 slots more beside row 2; row 3 would read 8 more beside it.
    assert bounds([4, 4, 9, 1], 7) == [(0, 2, 5), (2, 3, 10), (3, 4, 2)]
    assert bounds([4, 4, 9, 1], 8) == [(0, 2, 5), (2, 4, 10)]
    assert bounds([4, 4, 9, 1], 10) == [(0, 4, 10)]


def test_parts_without_a_difference_need_neither_mask_nor_scatter() -> None:
    parts = Slots.at(torch.tensor([4, 4, 9, 9])).split(0)
    assert all(part.uniform and part.mask(None, torch.device("cpu")) is None for part in parts)
