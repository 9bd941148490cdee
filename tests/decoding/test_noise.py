"""Streams: the right distribution, parity with torch, and independence from the batch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scalingar.decoding.device_noise import DeviceNoise
from scalingar.decoding.noise import GeneratorNoise, TrajectoryNoise
from scalingar.decoding.sampling import draw

CPU = torch.device("cpu")
SIZE = 64


Kind = type[TrajectoryNoise] | type[DeviceNoise]
KINDS: list[Kind] = [TrajectoryNoise, DeviceNoise]


def numbers(noise: TrajectoryNoise | DeviceNoise, step: int) -> torch.Tensor:
    return noise.exponential(torch.full((len(noise.keys),), step), SIZE, CPU)


@pytest.mark.parametrize("kind", KINDS)
def test_a_draw_follows_the_probabilities(kind: Kind) -> None:
    """Chi-square over 20 000 draws at consecutive steps of one stream; 99.99 % threshold, 5 df."""
    probs = torch.tensor([[0.4, 0.25, 0.15, 0.1, 0.07, 0.03]])
    draws = 20_000
    race = kind.streams(7, [3] * draws).exponential(torch.arange(draws), 6, CPU)
    counts = draw(probs.log().expand(draws, 6), race).bincount(minlength=6).numpy()
    expected = probs[0].numpy() * draws
    assert float(((counts - expected) ** 2 / expected).sum()) < 25.74


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_standard_exponential(kind: Kind) -> None:
    noise = kind.streams(0, list(range(50)))
    sample = noise.exponential(torch.arange(50), 4000, CPU).flatten().double()
    assert sample.mean() == pytest.approx(1.0, abs=0.01)
    assert sample.var() == pytest.approx(1.0, abs=0.03)
    # P(X > 3) = exp(-3)
    assert (sample > 3).double().mean() == pytest.approx(np.exp(-3), abs=0.003)
    assert sample.min() > 0


def test_generator_noise_draws_exactly_what_multinomial_draws() -> None:
    logits = torch.randn(5, 300, generator=torch.Generator().manual_seed(0)) * 3
    for seed in range(20):
        theirs = torch.multinomial(logits.softmax(-1), 1, generator=seeded(seed))[:, 0]
        noise = GeneratorNoise(seeded(seed))
        ours = draw(logits, noise.exponential(torch.zeros(5, dtype=torch.long), 300, CPU))
        assert torch.equal(ours, theirs)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_generator_noise_goes_on_where_it_stopped() -> None:
    noise = GeneratorNoise(seeded(0))
    first = noise.exponential(torch.zeros(2, dtype=torch.long), 8, CPU)
    assert not torch.equal(first, noise.exponential(torch.zeros(2, dtype=torch.long), 8, CPU))
    assert noise.select(torch.tensor([1])) is noise


@pytest.mark.parametrize("kind", KINDS)
@given(
    seed=st.integers(0, 2**70),
    trajectories=st.lists(st.integers(0, 1000), min_size=1, max_size=6, unique=True),
    step=st.integers(0, 5000),
)
def test_a_trajectory_is_the_same_alone(kind: Kind, seed: int, trajectories: list[int], step: int) -> None:
    together = numbers(kind.streams(seed, trajectories), step)
    for row, index in enumerate(trajectories):
        assert torch.equal(numbers(kind.streams(seed, [index]), step)[0], together[row])


@pytest.mark.parametrize("kind", KINDS)
def test_rows_may_stand_at_different_steps(kind: Kind) -> None:
    noise = kind.streams(1, [0, 1])
    ragged = noise.exponential(torch.tensor([4, 9]), SIZE, CPU)
    assert torch.equal(ragged[0], numbers(noise, 4)[0])
    assert torch.equal(ragged[1], numbers(noise, 9)[1])


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_trajectories_and_steps_all_matter(kind: Kind) -> None:
    base = numbers(kind.streams(5, [2]), 3)
    for other in (
        numbers(kind.streams(6, [2]), 3),
        numbers(kind.streams(5, [3]), 3),
        numbers(kind.streams(5, [2]), 4),
        numbers(kind.streams(2, [5]), 3),
    ):
        assert not (other == base).any()


@pytest.mark.parametrize("kind", KINDS)
def test_large_seeds_do_not_meet_small_ones(kind: Kind) -> None:
    """(5 + 2**32, 0) has the same 32-bit words as (5, 1)."""
    large = kind.streams(5 + 2**32, [0])
    assert not torch.equal(numbers(large, 0), numbers(kind.streams(5, [1]), 0))


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_with_seeds_of_their_own(kind: Kind) -> None:
    noise = kind.for_prompts([8, 9], [[0, 3], [1]])
    expected = [(8, 0), (8, 3), (9, 1)]
    for row, (seed, index) in zip(numbers(noise, 2), expected, strict=True):
        assert torch.equal(row, numbers(kind.streams(seed, [index]), 2)[0])
    with pytest.raises(ValueError):
        kind.for_prompts([8], [[0], [1]])


@pytest.mark.parametrize("kind", KINDS)
def test_select_keeps_survivors_and_order(kind: Kind) -> None:
    noise = kind.streams(0, [0, 1, 2, 3])
    assert torch.equal(numbers(noise.select(torch.tensor([3, 1])), 5), numbers(noise, 5)[[3, 1]])


@pytest.mark.parametrize("kind", KINDS)
def test_copies_get_streams_of_their_own(kind: Kind) -> None:
    noise = kind.streams(0, [0, 1])
    copied = numbers(noise.select(torch.tensor([1, 1, 0, 1])), 5)
    assert torch.equal(copied[0], numbers(noise, 5)[1])
    assert torch.equal(copied[2], numbers(noise, 5)[0])
    assert len({tuple(row.tolist()) for row in copied}) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_does_not_depend_on_what_else_is_copied(kind: Kind) -> None:
    """Forks of another trajectory, in this or an earlier round, leave the copy's stream alone."""
    alone = kind.streams(0, [1]).select(torch.tensor([0, 0]))
    crowd = kind.streams(0, [0, 1]).select(torch.tensor([0, 0, 0, 1]))
    crowd = crowd.select(torch.tensor([0, 0, 3, 3]))
    assert torch.equal(numbers(crowd, 4)[2:], numbers(alone, 4))


@pytest.mark.parametrize("kind", KINDS)
def test_copies_of_copies_all_differ(kind: Kind) -> None:
    noise = kind.streams(0, [0])
    for _ in range(4):
        noise = noise.select(torch.arange(len(noise.keys)).repeat_interleave(2))
    assert len({tuple(key) for key in noise.keys.tolist()}) == 16


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_of_several_copies_goes_on(kind: Kind) -> None:
    """A row copied in two rounds gives four streams, the first of which is the original."""
    noise = kind.streams(0, [0])
    twice = noise.select(torch.tensor([0, 0])).select(torch.tensor([0, 0, 1]))
    rows = numbers(twice, 1)
    assert torch.equal(rows[0], numbers(noise, 1)[0])
    assert len({tuple(row.tolist()) for row in rows}) == 3


def test_the_streams_are_pinned() -> None:
    """A seed means the same image tomorrow: these numbers may only change with the major version."""
    noise = TrajectoryNoise.for_prompts([0, 12345], [[0], [3]])
    at_255 = noise.exponential(torch.tensor([255, 255]), 3, CPU)
    copies = noise.select(torch.tensor([1, 1])).exponential(torch.tensor([7, 7]), 3, CPU)
    expected = [
        [0.9451128, 1.1766050, 0.2321992],
        [0.1247510, 0.9003222, 0.1529437],
        [0.0055462, 0.1010006, 0.1881355],
        [0.9426559, 1.3641319, 0.3494709],
    ]
    torch.testing.assert_close(torch.cat([at_255, copies]), torch.tensor(expected), atol=1e-6, rtol=0)
