"""Masks in COCO's run-length encoding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from scalingar.bench.judges.detectors.rle import decode_mask, decompress
from scalingar.core.errors import BenchmarkError

MASK = np.array([[0, 1, 0], [1, 1, 0]], dtype=bool)


def encode_mask(mask: np.ndarray) -> dict[str, list[int]]:
    """The inverse of :func:`decode_mask`, counts as a list."""
    flat = np.asarray(mask, dtype=bool).T.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(np.int8), prepend=0, append=0)[:-1])
    return {"size": list(mask.shape), "counts": np.diff([0, *edges, flat.size]).tolist()}


def test_by_hand() -> None:
    """Columns 01, 11, 00: one zero, three ones, two zeros."""
    assert encode_mask(MASK) == {"size": [2, 3], "counts": [1, 3, 2]}
    assert (decode_mask({"size": [2, 3], "counts": [1, 3, 2]}, (3, 2)) == MASK).all()
    assert encode_mask(np.ones((1, 2), dtype=bool))["counts"] == [0, 2]


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2)))
def test_back_and_forth(mask: np.ndarray) -> None:
    assert (decode_mask(encode_mask(mask), (mask.shape[1], mask.shape[0])) == mask).all()


@given(st.lists(st.integers(0, 5000), min_size=1))
def test_compressed_back_and_forth(runs: list[int]) -> None:
    assert decompress(compress(runs)) == runs


def compress(runs: list[int]) -> str:
    """As COCO's own tools do."""
    text = ""
    for index, run in enumerate(runs):
        value = run - (runs[index - 2] if index > 2 else 0)
        more = True
        while more:
            low, value = value & 31, value >> 5
            more = value != (-1 if low & 16 else 0)
            text += chr(48 + (low | 32 if more else low))
    return text


@pytest.mark.parametrize(
    ("encoded", "complaint"),
    [
        ({"size": [2, 3], "counts": [1, 3]}, r"cover 4 pixels, its size \[2, 3\] 6"),
        ({"size": [2, 3], "counts": [-1, 7]}, "cover 6 pixels"),
        ({"size": [2, 3]}, "no COCO run-length encoding"),
        ({"size": [2], "counts": [2]}, "no COCO run-length encoding"),
        ({"size": [2, 3], "counts": "~~"}, "does not occur"),
        ({"size": [2, 3], "counts": "P"}, "cut off"),
        ({"size": [3, 2], "counts": [6]}, "a mask is 2 x 3 pixels, its picture 3 x 2"),
        ({"size": [10**9, 10**9], "counts": [10**18]}, "a mask is 1000000000 x"),
        ({"size": [-2, -3], "counts": [6]}, "a mask is -3 x -2 pixels"),
        ({"size": [2, 3], "counts": [2**62, 2**62, 6]}, "cover"),
        ({"size": [2, 3], "counts": [2**70]}, "no COCO run-length encoding"),
    ],
)
def test_damaged_masks(encoded: dict[str, object], complaint: str) -> None:
    with pytest.raises(BenchmarkError, match=complaint):
        decode_mask(encoded, (3, 2))
