"""Orders and sides are balanced, and the same whenever they are asked for."""

from collections import Counter

import pytest

from scalingar.bench.study.sessions import session
from scalingar.bench.study.study import Pair
from tests.bench.study.people import study


def test_the_same_participant_sees_the_same() -> None:
    made = study()
    assert session(made, 3) == session(made, 3)
    assert session(made, 3) != session(made, 5)


def test_ratings_come_before_pairs() -> None:
    kinds = [shown.question.kind for shown in session(study(), 4)]
    assert kinds == sorted(kinds, reverse=True)
    assert set(kinds) == {"rating", "pair"}


def test_two_participants_balance_each_other() -> None:
    made = study()
    first, second = session(made, 6), session(made, 7)
    assert {shown.number for shown in first} == {shown.number for shown in second}
    for kind in ("rating", "pair"):
        order = [[shown.number for shown in one if shown.question.kind == kind] for one in (first, second)]
        assert order[0] == order[1][::-1]
    sides = {shown.number: shown.runs for shown in first if isinstance(shown.question, Pair)}
    assert all(sides[shown.number] == shown.runs[::-1] for shown in second if isinstance(shown.question, Pair))
    assert all(shown.pictures[0].endswith(shown.runs[0]) for shown in first)


def test_every_question_is_asked_equally_often_and_every_kind_in_equal_parts() -> None:
    made = study()  # 120 questions, 30 each: four pairs of participants go through all of them
    asked = Counter(shown.number for number in range(8) for shown in session(made, number))
    assert asked == dict.fromkeys(range(120), 2)
    for number in range(8):
        kinds = Counter((shown.question.kind, shown.question.runs) for shown in session(made, number))
        assert len(kinds) == 6
        assert all(4 <= count <= 6 for count in kinds.values())


@pytest.mark.parametrize("each", [7, 30, 120])
def test_nobody_is_asked_twice(each: int) -> None:
    made = study(per_participant=each)
    for number in range(9):
        questions = [shown.number for shown in session(made, number)]
        assert len(set(questions)) == len(questions) == each


def test_who_is_on_the_left_says_nothing() -> None:
    made = study(prompts=40, per_participant=240)
    for number in (0, 1):
        left = Counter(shown.runs for shown in session(made, number) if isinstance(shown.question, Pair))
        assert all(count == 20 for count in left.values())
        assert len(left) == 6
