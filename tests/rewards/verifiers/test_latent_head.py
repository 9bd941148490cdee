"""The head that reads latents: what it sees of a prefix, and that others decide nothing."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from scalingar.core.errors import ConfigError
from scalingar.models.embedded.grammar import parse, word_ids
from scalingar.rewards.verifiers import LatentHead, LatentReading, Verifier
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import var_pipe
from tests.tiny.verifiers import latent_verifier

PROMPT = "a photo of a dog and two cats"


def head(grid: int = 4, steps: int = 16) -> LatentHead:
    own = latent_verifier(grid, steps).head
    assert isinstance(own, LatentHead)
    return own


def latents(codes: Sequence[Tensor]) -> Tensor:
    return tiny_pipe().decoder().latent(torch.stack(list(codes)))


def test_of_a_raster_cells_are_drawn_or_not_and_of_scales_a_share() -> None:
    drawn = head().drawn(torch.tensor([0, 5, 16]))
    assert drawn.flatten(1).sum(1).tolist() == [0, 5, 16]
    assert drawn[1].tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    torch.testing.assert_close(head(8, 7).drawn(torch.tensor([2]))[0], torch.full((8, 8), 2 / 7))


def test_a_latent_has_the_vectors_of_the_drawn_cells_and_zeros() -> None:
    pipe = tiny_pipe()
    codes = torch.arange(6)[None]
    latent = pipe.decoder().latent(codes)
    vectors = pipe.tokenizer.vectors(codes)[0]  # type: ignore[union-attr]
    assert latent.shape == (1, 4, 4, 4)
    torch.testing.assert_close(latent[0].flatten(1)[:, :6].T, vectors)
    assert not latent[0].flatten(1)[:, 6:].any()


def test_a_value_reads_the_prefix_and_the_words() -> None:
    own = head()
    latent = latents([torch.arange(9)])
    drawn, words = own.drawn(torch.tensor([9])), word_ids(PROMPT, 8)[None]
    value = own(latent, drawn, words)
    assert value != own(latents([torch.arange(9).flip(0)]), drawn, words)
    assert value != own(latent, own.drawn(torch.tensor([8])), words)
    assert value != own(latent, drawn, word_ids("a photo of two cats", 8)[None])


def test_rows_are_valued_to_the_bit_as_alone() -> None:
    own, words = head(), word_ids(PROMPT, 8)
    codes = list(torch.randint(0, 8, (5, 16), generator=torch.Generator().manual_seed(3))[:, :7])
    together = LatentReading(own, words, latents, 5)
    values = together.values(torch.full((5,), 7), lambda: codes)
    alone = LatentReading(own, words, latents, 1)
    for value, one in zip(values, codes, strict=True):
        assert torch.equal(alone.values(torch.tensor([7]), partial(list, [one])), value[None])
    assert len(set(values.tolist())) == 5
    together.select(torch.tensor([1, 1, -1]))
    assert len(together) == 3
    assert not together.reads(torch.tensor([3]))


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    made = latent_verifier(4, 16)
    made.save(tmp_path)
    read = Verifier.load(tmp_path)
    assert read.info == made.info
    assert not read.waits
    readings = [verifier.begin(1, PROMPT, latents) for verifier in (made, read)]
    one, other = (reading.values(torch.tensor([4]), lambda: [torch.arange(4)]) for reading in readings)
    assert torch.equal(one, other)
    with pytest.raises(ConfigError, match="reads latents, and this model tells none"):
        read.begin(1, PROMPT)


def test_words_fill_their_slots() -> None:
    ids = list(parse(PROMPT).ids)
    assert word_ids(PROMPT, 8).tolist() == [*ids, *[0] * (8 - len(ids))]
    assert word_ids(PROMPT, 2).tolist() == ids[:2]


def test_the_latent_of_scales_is_what_their_tokenizer_decodes() -> None:
    decoder = var_pipe().decoder()
    codes = torch.zeros(1, 1 + 4, 1, dtype=torch.long)
    assert decoder.tells_latents
    assert decoder.latent(codes).shape == (1, 4, 8, 8)
