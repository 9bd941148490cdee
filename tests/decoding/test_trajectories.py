"""The live batch: appending codes and selecting rows."""

import pytest
import torch

from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.decoding.trajectories import Trajectories
from tests.tiny import llamagen as tiny


def started(decoder: NextTokenDecoder, indices: list[list[int]], *, guided: bool = True) -> Trajectories:
    condition = decoder.model.condition(tiny.words((1, 2), (3, 4, 5), (6,))[: len(indices)])
    noise = TrajectoryNoise.for_prompts([0] * len(indices), indices)
    return decoder.start(condition, indices, noise, guided=guided)


def test_rows_are_prompt_by_prompt(tiny_decoder: NextTokenDecoder) -> None:
    live = started(tiny_decoder, [[4, 0], [1], [7, 8, 9]])
    assert len(live) == 6
    assert live.prompts.tolist() == [0, 0, 1, 2, 2, 2]
    assert live.indices.tolist() == [4, 0, 1, 7, 8, 9]
    assert live.positions.tolist() == [0] * 6
    assert live.cache.rows == 12
    assert live.total_steps == 16
    assert not live.finished.any()


@pytest.mark.parametrize("guided", [True, False])
def test_rows_of_a_prompt_start_from_the_same_logits(tiny_decoder: NextTokenDecoder, guided: bool) -> None:
    live = started(tiny_decoder, [[0, 1], [0]], guided=guided)
    assert live.guided == guided
    assert torch.equal(live.conditional[0], live.conditional[1])
    assert not torch.equal(live.conditional[0], live.conditional[2])
    assert live.cache.rows == (6 if guided else 3)


def test_append_writes_each_row_at_its_position(tiny_decoder: NextTokenDecoder) -> None:
    live = started(tiny_decoder, [[0, 1]])
    live = live.append(torch.tensor([3, 5])).append(torch.tensor([7, 9]))
    assert live.positions.tolist() == [2, 2]
    assert live.codes[:, :3].tolist() == [[3, 7, 0], [5, 9, 0]]


def test_finished_after_the_last_code(tiny_decoder: NextTokenDecoder) -> None:
    live = started(tiny_decoder, [[0]])
    for _ in range(15):
        live = live.append(torch.tensor([1]))
    assert live.finished.tolist() == [False]
    assert live.append(torch.tensor([1])).finished.tolist() == [True]


@pytest.mark.parametrize("guided", [True, False])
def test_select_takes_everything_along(tiny_decoder: NextTokenDecoder, guided: bool) -> None:
    live = tiny.decode(tiny_decoder, started(tiny_decoder, [[0, 1, 2], [3]], guided=guided), until=4)
    rows = torch.tensor([3, 1])
    before = {name: getattr(live, name).clone() for name in ("prompts", "indices", "positions", "codes", "conditional")}
    uncond = None if live.unconditional is None else live.unconditional.clone()
    keys = live.cache.keys[1].clone()
    chosen = live.select(rows)
    for name, tensor in before.items():
        assert torch.equal(getattr(chosen, name), tensor[rows]), name
    branches = torch.cat([rows, rows + 4]) if guided else rows
    assert torch.equal(chosen.cache.keys[1], keys[branches])
    if uncond is None:
        assert chosen.unconditional is None
    else:
        assert chosen.unconditional is not None
        assert torch.equal(chosen.unconditional, uncond[rows])


def test_select_frees_memory(tiny_decoder: NextTokenDecoder) -> None:
    live = started(tiny_decoder, [[0, 1, 2, 3]])
    before = live.nbytes
    assert before == live.cache.nbytes + 4 * (2 * 16 * 4 + 16 * 8)
    live = live.select(torch.tensor([2]))
    assert live.nbytes == before // 4


def test_select_of_all_rows_in_order_is_free(tiny_decoder: NextTokenDecoder) -> None:
    live = started(tiny_decoder, [[0, 1]])
    assert live.select(torch.arange(2)) is live
    swapped = live.select(torch.tensor([1, 0]))
    assert swapped.indices.tolist() == [1, 0]


def test_copies_have_codes_of_their_own(tiny_decoder: NextTokenDecoder) -> None:
    live = started(tiny_decoder, [[0]]).select(torch.tensor([0, 0]))
    live = live.append(torch.tensor([3, 5]))
    assert live.codes[:, 0].tolist() == [3, 5]


def test_no_rows_may_be_left(tiny_decoder: NextTokenDecoder) -> None:
    live = started(tiny_decoder, [[0, 1]]).select(torch.tensor([], dtype=torch.long))
    assert len(live) == 0
    assert live.nbytes == 0
