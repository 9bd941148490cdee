"""Shares of right pairs and the Bellman error, worked by hand."""

import numpy as np
import pytest

from scalingar.analysis.verifiers.examination import bellman_error, held_out, pairs_right, report, stops, table


def test_pairs_are_counted_within_a_prompt() -> None:
    truth = np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0], [np.nan, 0.0, 1.0]])
    values = np.array([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0], [5.0, 4.0, 5.0], [0.0, 1.0, 2.0]])
    np.testing.assert_allclose(pairs_right(values, truth), [2 / 3, 0.75])


def test_the_last_prefix_lacks_one_step() -> None:
    assert stops(144) == [18, 36, 72, 108, 143]
    assert stops(7) == [1, 2, 4, 5, 6]


def test_the_bellman_error_of_a_value_that_knows_all_is_nothing() -> None:
    reward = np.array([[0.0, 2.0], [1.0, 5.0]])
    assert bellman_error(np.repeat(reward[:, :, None], 3, 2), reward) == [0, 0, 0]
    assert bellman_error(np.zeros((2, 2, 2)), reward) == pytest.approx([0, 1])


def test_the_table_has_a_column_for_each_length() -> None:
    reward = np.array([[0.0, 2.0], [1.0, 5.0]])
    told = report(np.repeat(reward[:, :, None], 5, 2), -np.repeat(reward[:, :, None], 5, 2), reward)
    head, rows = table(told, "pmi")
    assert {len(row) for row in (head, *rows)} == {6}
    assert rows[0][1:] == ["0.0 %"] * 5, "of two prompts there is no interval"
    assert rows[1][1:] == ["100.0 %"] * 5
    assert held_out(told).startswith("2 prompts were held out, too few to tell anything by; give some hundreds")
    many = {**told, "prompts": 10, "verifier": [(1.0, 0.0)] * 5}
    assert table(many, "pmi")[1][1][1:] == ["100.0 ± 0.0 %"] * 5
    assert held_out(many).startswith("10 prompts were held out; intervals of 95 % over prompts")
    assert table(report(np.zeros((1, 2, 5)), np.zeros((1, 2, 5)), np.zeros((1, 2))), "pmi")[1][0][1] == "–"


def test_intervals_are_students() -> None:
    """Shares 1 and 0.5 of five prompts each: mean 0.75, standard error 0.25 / 3, and t = 2.2622 with 9 degrees.

    Of fewer than ten there is no interval: of two it would be ± 3.18.
    """
    reward = np.array([[0.0, 1.0], [0.0, 1.0]] * 5 + [[1.0, 1.0]])
    values = np.array([[0.0, 1.0], [0.0, 0.0]] * 5 + [[0.0, 1.0]])[:, :, None]
    assert report(values, values, reward)["verifier"] == [(0.75, 0.1885)]
    assert report(values[1:], values[1:], reward[1:])["verifier"] == [(0.7222, None)]
    assert report(values[:2], values[:2], reward[:2])["verifier"] == [(0.75, None)]
    assert report(values[:1], values[:1], reward[:1])["verifier"] == [None]
