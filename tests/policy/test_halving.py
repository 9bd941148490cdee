import numpy as np

from scalingar.policy.halving import Halving


def row(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_best_worked_by_hand() -> None:
    # Means of C: .5, .45, .55 and .4; the last C alone: .4, .8, .3 and .4.
    steps = (row(0.6, 0.1, 0.8, 0.4), row(0.4, 0.8, 0.3, 0.4))
    mean, last = Halving("confidence"), Halving("final_confidence")
    for c in steps:
        mean, last = mean.update(c, c, c), last.update(c, c, c)
    assert mean.best(2).tolist() == [True, False, True, False]
    assert last.best(2).tolist() == [True, True, False, False], "the first among equals"


def test_low_entropy_and_high_deepconf_are_better() -> None:
    assert Halving("entropy").update(row(1, 2, 3), row(0, 0, 0), row(0, 0, 0)).best(1).tolist() == [True, False, False]
    assert Halving("deepconf").update(row(0, 0, 0), row(1, 2, 3), row(0, 0, 0)).best(1).tolist() == [False, False, True]


def test_a_row_that_is_not_a_number_comes_last() -> None:
    seen = Halving("confidence").update(*[row(np.nan, 0.1, 0.2)] * 3)
    assert seen.best(2).tolist() == [False, True, True]


def test_selected_rows_keep_their_sums() -> None:
    seen = Halving("confidence").update(*[row(0.1, 0.2, 0.3)] * 3).select(np.array([2, 0, 0]))
    assert seen.update(*[row(0.0, 0.25, 0.1)] * 3).best(1).tolist() == [False, True, False]
