"""The cache of next-scale models: growing, selecting, and what rows share with their prompt."""

import pytest
import torch
from torch import Tensor

from scalingar.core.errors import DecodingError
from scalingar.models.scales.scale_cache import PromptMemory, ScaleCache, TextMemory


def numbered(prompts: int = 2, *, text: bool = True) -> ScaleCache:
    """Before the first scale; every entry of a prompt holds the prompt's number."""
    fill = torch.arange(prompts, dtype=torch.float32)
    words = fill[:, None, None, None].expand(-1, 2, 3, 4).clone()
    memory = TextMemory([words, words + 10], [words, words + 10], torch.eye(prompts, 3).bool()) if text else None
    start, vectors = fill[:, None].expand(-1, 8).clone(), fill[:, None, None].expand(-1, 6, 8).clone()
    return ScaleCache.empty(PromptMemory(start, [vectors, vectors + 10], vectors[:, :2], memory))


def run(cache: ScaleCache, tokens: int, *, last: bool = False) -> list[tuple[Tensor, Tensor]]:
    """One scale through two layers; every key holds its row's number plus the scale's size times a hundred."""
    key = torch.arange(cache.rows)[:, None, None, None] + 100.0 * tokens * torch.ones(1, 2, tokens, 4)
    return [cache.extend(layer, key, -key, last=last) for layer in range(2)]


def test_scales_are_appended_in_order() -> None:
    cache = numbered()
    run(cache, 1)
    keys, values = run(cache, 4)[1]
    assert keys[1, 0, :, 0].tolist() == [101.0, 401.0, 401.0, 401.0, 401.0]
    assert torch.equal(keys, -values)
    assert cache.tokens == 5


def test_rows_of_several_prompts_repeat_and_keep_their_own() -> None:
    cache = numbered(3)
    run(cache, 1)
    cache = cache.select(torch.tensor([2, 0, 2, 1]))
    assert cache.rows == 4
    assert [keys[:, 0, 0, 0].tolist() for keys in cache.keys] == [[102.0, 100.0, 102.0, 101.0]] * 2
    assert cache.per_row(cache.prompts.start)[:, 0].tolist() == [2, 0, 2, 1]
    assert cache.modulation(1)[:, 0, 0].tolist() == [12, 10, 12, 11]
    keys, _, mask = cache.text(0)
    assert keys[:, 0, 0, 0].tolist() == [2, 0, 2, 1]
    assert mask is not None
    assert mask[:, 0, 0].int().tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert cache.select(torch.tensor([3, 0])).per_row(cache.prompts.start)[:, 0].tolist() == [1, 2]


def test_copies_part_ways() -> None:
    cache = numbered(1)
    run(cache, 1)
    cache = cache.select(torch.tensor([0, 0]))
    keys, _ = run(cache, 1)[0]
    assert keys[:, 0, :, 0].tolist() == [[100.0, 100.0], [100.0, 101.0]]


def test_prompts_are_stored_once_however_many_rows() -> None:
    cache = numbered(1)
    run(cache, 1)
    shared = cache.prompts.nbytes
    assert shared == (8 + 2 * 48 + 16 + 4 * 24) * 4
    before = cache.nbytes - shared
    assert before == 2 * 2 * (2 * 4) * 4
    assert cache.select(torch.zeros(5, dtype=torch.long)).nbytes == shared + 5 * before


def test_nothing_is_kept_of_the_last_scale() -> None:
    cache = numbered(2)
    run(cache, 1)
    keys, _ = run(cache, 4, last=True)[1]
    assert keys.shape == (2, 2, 5, 4)
    assert cache.nbytes == cache.prompts.nbytes
    assert cache.select(torch.tensor([1, 1, 0])).rows == 3


def test_layers_may_share_their_vectors() -> None:
    cache = numbered()
    shared = ScaleCache.empty(PromptMemory(cache.prompts.start, cache.prompts.modulation[:1], cache.prompts.head))
    assert torch.equal(shared.modulation(1), cache.modulation(0))


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(DecodingError, match="holds no text"):
        numbered(text=False).text(0)
    with pytest.raises(DecodingError, match="a row cannot start among others"):
        numbered().overwrite(torch.tensor([0]), numbered())


def test_texts_of_other_lengths_are_padded_when_joined() -> None:
    def memory(slots: int, mask: Tensor | None) -> TextMemory:
        words = torch.full((1, 2, slots, 4), float(slots))
        return TextMemory([words], [-words], mask)

    short, long = memory(2, None), memory(3, torch.tensor([[True, True, False]]))
    joined = short.joined(long)
    assert joined.mask is not None
    assert joined.mask.tolist() == [[True, True, False], [True, True, False]]
    assert joined.keys[0][:, 0, :, 0].tolist() == [[2.0, 2.0, 0.0], [3.0, 3.0, 3.0]]
    assert torch.equal(joined.keys[0], -joined.values[0])
    assert short.joined(memory(2, None)).mask is None
    assert torch.equal(memory(3, None).joined(short).keys[0], joined.keys[0].flip(0))
