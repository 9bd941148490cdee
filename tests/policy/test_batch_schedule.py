import pytest

from scalingar.policy.batch_schedule import (
    PAPER_CLUSTERING,
    PAPER_RESAMPLING,
    PAPER_SCALES,
    PAPER_SIZES,
    BatchSchedule,
    check_prunes,
    stretched,
)

PAPER = BatchSchedule.staged(PAPER_SIZES, (*PAPER_CLUSTERING, *PAPER_RESAMPLING), PAPER_SCALES)


def test_the_papers_schedule_is_the_batch_after_the_prune() -> None:
    assert PAPER.after == (8, 8, 6, 6, 6, 4, 2, 2, 2, 1, 1, 1, 1)
    assert PAPER.live == (8, 8, 8, 6, 6, 6, 4, 2, 2, 2, 1, 1, 1)
    assert PAPER.drops == (2, 5, 6, 9)
    assert PAPER.times(3).after == tuple(3 * size for size in PAPER.after)


def test_decodes_by_hand() -> None:
    """What a prune looks at is the batch before it: 8 + 6 + 4 + 2 images, and one at the end."""
    assert sum(PAPER.live[scale] for scale in PAPER.drops) + PAPER.after[-1] == 21


def test_stretched_to_other_models() -> None:
    prunes = (2, 5, 6, 9)
    assert stretched(prunes, 13) == prunes
    assert stretched(prunes, 10) == (2, 4, 5, 7)
    assert stretched(prunes, 7) == (1, 3, 4, 5), "3 and 3 meet"
    assert stretched((), 2) == ()
    with pytest.raises(ValueError, match="5 scales are too few for 4 prunes"):
        stretched(prunes, 5)


@pytest.mark.parametrize(
    ("after", "complaint"),
    [
        ((), "is empty"),
        ((2, 0), "after scale 1 is 0"),
        ((2, 3), "grows from 2 to 3 at scale 1"),
    ],
)
def test_impossible_batches(after: tuple[int, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        BatchSchedule(after)


@pytest.mark.parametrize(
    ("prunes", "complaint"),
    [
        ((3, 2), "ascending"),
        ((2, 2), "different"),
        ((7,), "no scale 7: the model has scales 0 to 6"),
        ((-1,), "no scale -1"),
        ((6,), "scale 6 is the last one"),
    ],
)
def test_impossible_prunes(prunes: tuple[int, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_prunes(prunes, 7)


def test_sizes_and_prunes_must_fit() -> None:
    with pytest.raises(ValueError, match="2 batch sizes for 2 prunes"):
        BatchSchedule.staged((4, 2), (1, 2), 7)
    assert BatchSchedule.staged((7, 5, 3), (0, 2), 4).after == (5, 5, 3, 3)
