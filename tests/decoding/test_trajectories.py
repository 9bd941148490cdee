"""The live batch: appending codes and selecting rows."""

import pytest
import torch

from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.decoding.trajectories import Trajectories
from tests.tiny import llamagen as tiny


def started(decoder: NextTokenDecoder, indices: list[list[int]], *, branches: int = 2) -> Trajectories:
    words = tiny.words((1, 2), (3, 4, 5), (6,))[: len(indices)]
    condition = decoder.model.condition(words if branches < 3 else torch.cat([words, words.flip(1)]))
    noise = TrajectoryNoise.for_prompts([0] * len(indices), indices)
    return decoder.start(condition, indices, noise, branches=branches)


def test_rows_are_prompt_by_prompt(tiny_decoder: NextTokenDecoder) -> None:
    live = started(tiny_decoder, [[4, 0], [1], [7, 8, 9]])
    assert len(live) == 6
    assert live.prompts.tolist() == [0, 0, 1, 2, 2, 2]
    assert live.indices.tolist() == [4, 0, 1, 7, 8, 9]
    assert live.positions.tolist() == [0] * 6
    assert live.cache.rows == 12
    assert live.total_steps == 16
    assert not live.finished.any()


@pytest.mark.parametrize("branches", [1, 2, 3])
def test_rows_of_a_prompt_start_from_the_same_logits(tiny_decoder: NextTokenDecoder, branches: int) -> None:
    live = started(tiny_decoder, [[0, 1], [0]], branches=branches)
    assert len(live.branches) == branches
    for logits in (live.branches[0], live.branches[-1]) if branches != 2 else live.branches[:1]:
        assert torch.equal(logits[0], logits[1])
        assert not torch.equal(logits[0], logits[2])
    assert live.cache.rows == 3 * branches


def test_a_third_branch_is_the_second_prompts(tiny_decoder: NextTokenDecoder) -> None:
    """Those of both prompts, each drawn as a first one."""
    words = tiny.words((1, 2), (3, 4, 5))
    noise = TrajectoryNoise.streams(0, [0])
    live = tiny_decoder.start(tiny_decoder.model.condition(words), [[0]], noise, branches=3)
    of_first, of_second = (
        tiny_decoder.start(tiny_decoder.model.condition(own[None]), [[0]], noise, branches=2) for own in words
    )
    for step in range(3):
        found = live.branches
        torch.testing.assert_close(found[:2], of_first.branches, atol=1e-5, rtol=0)
        torch.testing.assert_close(found[[2, 1]], of_second.branches, atol=1e-5, rtol=0)
        live, of_first, of_second = (
            tiny_decoder.advance(one.append(torch.tensor([step]))) for one in (live, of_first, of_second)
        )


@pytest.mark.parametrize("branches", [1, 2, 3])
def test_join_puts_branch_to_branch(tiny_decoder: NextTokenDecoder, branches: int) -> None:
    mine, theirs = (started(tiny_decoder, indices, branches=branches) for indices in ([[0, 1]], [[0], [0, 1]]))
    expected = torch.cat([mine.branches, theirs.branches], 1)
    keys = torch.cat([live.cache.keys[0].unflatten(0, (branches, -1)) for live in (mine, theirs)], 1).flatten(0, 1)
    joined = mine.join(theirs)
    assert torch.equal(joined.branches, expected)
    assert torch.equal(joined.cache.keys[0], keys)


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


@pytest.mark.parametrize("branches", [1, 2, 3])
def test_select_takes_everything_along(tiny_decoder: NextTokenDecoder, branches: int) -> None:
    live = tiny.decode(tiny_decoder, started(tiny_decoder, [[0, 1, 2], [3]], branches=branches), until=4)
    rows = torch.tensor([3, 1])
    before = {name: getattr(live, name).clone() for name in ("prompts", "indices", "positions", "codes")}
    logits = live.branches.clone()
    keys = live.cache.keys[1].clone()
    chosen = live.select(rows)
    for name, tensor in before.items():
        assert torch.equal(getattr(chosen, name), tensor[rows]), name
    taken = torch.cat([rows + 4 * branch for branch in range(branches)])
    assert torch.equal(chosen.cache.keys[1], keys[taken])
    assert torch.equal(chosen.branches, logits[:, rows])


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
