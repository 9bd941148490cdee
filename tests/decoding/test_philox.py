"""Philox4x32-10: the published answers, and noise that is Exp(1) and independent in every direction."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scalingar.decoding.philox import LARGEST, philox_exponential, philox_words
from tests.shapes import unchecked

WORD = 2**32
ANSWERS = [
    ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ([WORD - 1] * 4, [WORD - 1] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]
"""Counter, key and words, from the file kat_vectors of Random123, the authors' own code."""


def scalar(counter: Sequence[int], key: Sequence[int]) -> list[int]:
    """The paper's rounds on Python's integers."""
    (a, b, c, d), (j, k) = counter, key
    for _ in range(10):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = right // WORD ^ b ^ j, right % WORD, left // WORD ^ d ^ k, left % WORD
        j, k = (j + 0x9E3779B9) % WORD, (k + 0xBB67AE85) % WORD
    return [a, b, c, d]


def words(counter: Sequence[int], key: Sequence[int]) -> list[int]:
    c0, c1, c2, c3 = (torch.tensor([word]) for word in counter)
    k0, k1 = (torch.tensor([word]) for word in key)
    return [int(word) for word in philox_words((c0, c1, c2, c3), (k0, k1))]


def keys(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, WORD, (count, 2), generator=torch.Generator().manual_seed(seed))


def same_step(count: int, step: int) -> torch.Tensor:
    return torch.full((count,), step)


@pytest.mark.parametrize(("counter", "key", "answer"), ANSWERS)
def test_the_published_answers(counter: list[int], key: list[int], answer: str) -> None:
    assert " ".join(f"{word:08x}" for word in scalar(counter, key)) == answer
    assert " ".join(f"{word:08x}" for word in words(counter, key)) == answer


@given(
    counter=st.lists(st.integers(0, WORD - 1), min_size=4, max_size=4),
    key=st.lists(st.integers(0, WORD - 1), min_size=2, max_size=2),
)
def test_any_counter_and_key(counter: list[int], key: list[int]) -> None:
    assert words(counter, key) == scalar(counter, key)


def test_words_are_broadcast_and_what_was_given_is_unchanged() -> None:
    counter = tuple(torch.arange(20).view(4, 5, 1) * 10**8 + word for word in range(4))
    c0, c1, c2, c3 = counter
    key = keys(3)
    given = [word.clone() for word in (*counter, key)]
    made = torch.stack(philox_words((c0, c1[:1], c2[:, :1], c3), (key[:, 0], key[:, 1])), -1)
    assert made.shape == (4, 5, 3, 4)
    for i, j, k in ((0, 0, 0), (3, 4, 2), (1, 2, 1)):
        one = [int(word[i, j]) for word in (c0, c1[:1].expand(4, 5, 1), c2[:, :1].expand(4, 5, 1), c3)]
        assert made[i, j, k].tolist() == scalar(one, key[k].tolist())
    for before, after in zip(given, (*counter, key), strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 64, 1001])
def test_each_number_is_that_of_its_key_step_and_place(size: int) -> None:
    key, steps = keys(3), torch.tensor([0, 575, WORD - 1])
    noise = philox_exponential(key, steps, size)
    for row in range(3):
        for place in {0, 1, size // 2, size - 1} & set(range(size)):
            word = scalar([place // 4, int(steps[row]), 0, 0], key[row].tolist())[place % 4]
            u = min(np.float32(word) * np.float32(2**-32) + np.float32(2**-33), np.float32(LARGEST))
            assert float(noise[row, place]) == pytest.approx(-np.log1p(-np.float64(u)), rel=3e-7)


def test_places_beyond_what_is_computed_at_once() -> None:
    """A CPU makes a long row piece by piece."""
    key = keys(9)
    long = philox_exponential(key, same_step(9, 3), 40_001)
    assert torch.equal(long[:, :50], philox_exponential(key, same_step(9, 3), 50))
    assert torch.equal(long[4:5], philox_exponential(key[4:5], same_step(1, 3), 40_001))
    word = scalar([10_000, 3, 0, 0], key[8].tolist())[0]
    assert float(long[8, 40_000]) == pytest.approx(-np.log1p(-(word + 0.5) / WORD), rel=1e-6)


def test_the_extremes_are_finite_and_positive() -> None:
    ends = torch.tensor([0.0, 1.0, WORD - 1.0, float(WORD)]) * 2**-32 + 2**-33
    assert ends[0] == 2**-33
    assert ends[3] == 1.0, "rounded, so it is clamped"
    noise = philox_exponential(keys(64), same_step(64, 0), 2**16)
    assert noise.dtype == torch.float32
    assert 0 < float(noise.min()) < 1e-6
    assert 12 < float(noise.max()) < 16.7


def test_the_numbers_are_standard_exponential() -> None:
    """Kolmogorov and Smirnov's test on a million numbers; it would see a distance of 0.002."""
    noise = philox_exponential(keys(16), torch.arange(16), 2**16).flatten().double().numpy()
    assert stats.kstest(noise, "expon").pvalue > 0.001
    assert noise.mean() == pytest.approx(1, abs=0.005)
    assert noise.var() == pytest.approx(1, abs=0.015)


def test_the_smallest_numbers_are_exponential_too() -> None:
    """The minimum of 65 536 numbers is Exp(65 536); with 512 of them its mean is known to 4.4 %."""
    steps = torch.arange(512)
    noise = philox_exponential(keys(1).expand(512, 2), steps, 2**16)
    smallest = noise.min(dim=1).values.double().numpy() * 2**16
    assert smallest.mean() == pytest.approx(1, abs=0.18)
    assert stats.kstest(smallest, "expon").pvalue > 0.001
    assert len(np.unique(smallest)) > 505, "not from a grid of floats near 1"


def test_neighbours_are_independent() -> None:
    """Correlations, of uniform ranks, along keys, steps and places: none is above 5 standard errors."""
    size = 2**14
    base = keys(1)[0]
    near = torch.stack([base, base + torch.tensor([1, 0]), base + torch.tensor([0, 1]), base ^ 1])
    streams = {
        "keys": philox_exponential(near, same_step(4, 5), size),
        "steps": philox_exponential(base.expand(4, 2), torch.tensor([0, 1, 2, 256]), size),
        "places": philox_exponential(base[None], same_step(1, 5), 4 * size).view(size, 4).T.contiguous(),
        "blocks": philox_exponential(base[None], same_step(1, 5), 4 * size).view(4, size),
    }
    for name, rows in streams.items():
        uniform = -torch.expm1(-rows.double())
        off = np.corrcoef(uniform.numpy())[~np.eye(4, dtype=bool)]
        assert np.abs(off).max() < 5 / np.sqrt(size), name


def test_a_row_knows_nothing_of_the_others() -> None:
    key, steps = keys(6), torch.tensor([3, 1, 4, 1, 5, 9])
    noise = philox_exponential(key, steps, 130)
    order = torch.tensor([5, 0, 3])
    assert torch.equal(philox_exponential(key[order], steps[order], 130), noise[order])


def test_no_rows_or_no_places() -> None:
    assert philox_exponential(keys(0), same_step(0, 1), 5).shape == (0, 5)
    assert philox_exponential(keys(2), same_step(2, 1), 0).shape == (2, 0)


def test_it_can_be_traced_whole() -> None:
    """No branch on a value and no copy to the host: a tensor without values passes through."""
    with unchecked(), torch.device("meta"):
        noise = philox_exponential(torch.empty(3, 2, dtype=torch.long), torch.empty(3, dtype=torch.long), 10)
    assert noise.shape == (3, 10)
    assert noise.is_meta
