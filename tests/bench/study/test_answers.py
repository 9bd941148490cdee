"""Every answer is on disk before the next question is known, and nothing that is no answer gets there."""

import sqlite3
from itertools import cycle
from pathlib import Path

import pytest

from scalingar.bench.study import answers
from scalingar.bench.study.answers import ANSWERS, AnswerStore, read_answers
from scalingar.bench.study.sessions import session
from scalingar.bench.study.study import STUDY, Study
from scalingar.core.errors import BenchmarkError, OutputError
from tests.bench.study.people import study

MADE = study(prompts=2, per_participant=6)


def test_an_answer_is_there_before_the_next_question(tmp_path: Path) -> None:
    with AnswerStore(tmp_path, MADE) as store:
        code = store.enter()
        first = store.progress(code)
        assert first.shown is not None
        assert (first.done, first.total) == (0, 6)
        after = store.answer(code, first.shown.number, 4)
        # Another process sees it.
        (told,) = read_answers(tmp_path, MADE)
        assert (told.participant, told.question, told.value, told.kind) == (0, first.shown.number, 4, "rating")
        assert told.left_run == first.shown.runs[0]
        assert after.done == 1
        assert after.shown != first.shown


def test_a_participant_comes_back(tmp_path: Path) -> None:
    with AnswerStore(tmp_path, MADE) as store:
        code, other = store.enter(), store.enter()
        shown = store.progress(code).shown
        assert shown is not None
        store.answer(code, shown.number, 2)
    with AnswerStore(tmp_path, MADE) as store:
        assert store.progress(f" {code.upper()} ").done == 1
        assert store.progress(other).done == 0
        third = store.enter()
        assert len({code, other, third}) == 3
        assert store.progress(third).shown == session(MADE, 2)[0]


def test_the_same_answer_twice_is_one(tmp_path: Path) -> None:
    with AnswerStore(tmp_path, MADE) as store:
        code = store.enter()
        shown = store.progress(code).shown
        assert shown is not None
        after = store.answer(code, shown.number, 2)
        assert store.answer(code, shown.number, 5) == after
        assert [answer.value for answer in read_answers(tmp_path, MADE)] == [2]


def at_a_pair(store: AnswerStore) -> tuple[str, int]:
    code = store.enter()
    progress = store.progress(code)
    while progress.shown is not None and progress.shown.question.kind == "rating":
        progress = store.answer(code, progress.shown.number, 3)
    assert progress.shown is not None
    return code, progress.shown.number


def test_a_pair_has_reasons_unless_both_are_equal(tmp_path: Path) -> None:
    with AnswerStore(tmp_path, MADE) as store:
        code, number = at_a_pair(store)
        with pytest.raises(BenchmarkError, match="say why it is better: prompt, quality, plausibility"):
            store.answer(code, number, 1)
        with pytest.raises(BenchmarkError, match="'beauty' is no reason; choose among prompt, quality, plausibility"):
            store.answer(code, number, 1, ["beauty"])
        after = store.answer(code, number, 1, ["plausibility", "prompt"])
        assert after.shown is not None
        store.answer(code, after.shown.number, 3)
        told = read_answers(tmp_path, MADE)[-2:]
        assert [answer.reasons for answer in told] == [("prompt", "plausibility"), ()]
        assert told[0].right_run is not None


@pytest.mark.parametrize("clock", [["noon"], [f"t{left}" for left in range(9, 0, -1)]], ids=["still", "backwards"])
def test_answers_are_told_in_the_order_in_which_they_were_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: list[str]
) -> None:
    # Two answers may fall into one millisecond, and a clock may be set back.
    times = cycle(clock)
    monkeypatch.setattr(answers, "_now", lambda: next(times))
    with AnswerStore(tmp_path, MADE) as store:
        code = store.enter()
        given, progress = [], store.progress(code)
        while progress.shown is not None:
            given.append(progress.shown.number)
            reasons = [] if progress.shown.question.kind == "rating" else ["prompt"]
            progress = store.answer(code, progress.shown.number, 4, reasons)
        assert given != sorted(given)
        assert [answer.question for answer in read_answers(tmp_path, MADE)] == given


@pytest.mark.parametrize("value", [0, 6, -1, True, 2.5, "3"])
def test_an_answer_outside_of_the_scale(tmp_path: Path, value: object) -> None:
    with AnswerStore(tmp_path, MADE) as store:
        code = store.enter()
        shown = store.progress(code).shown
        assert shown is not None
        with pytest.raises(BenchmarkError, match=r"outside of the scale; choose 1 to 5\."):
            store.answer(code, shown.number, value)  # type: ignore[arg-type]
        with pytest.raises(BenchmarkError, match="a rating has no reasons"):
            store.answer(code, shown.number, 3, ["quality"])
        assert store.progress(code).done == 0


def test_other_questions_and_people_are_unknown(tmp_path: Path) -> None:
    with AnswerStore(tmp_path, MADE) as store:
        code = store.enter()
        with pytest.raises(BenchmarkError, match="not the one that is asked now"):
            store.answer(code, session(MADE, 0)[2].number, 3)
        with pytest.raises(BenchmarkError, match="nobody has this code"):
            store.progress("nobody")


def test_what_cannot_be_reported(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"holds no study \(study.json is missing\)"):
        Study.read(tmp_path)
    (tmp_path / STUDY).write_text('{"seed": -1}')
    with pytest.raises(BenchmarkError, match="cannot be read as a study: seed=-1: must be >= 0"):
        Study.read(tmp_path)
    with pytest.raises(BenchmarkError, match="has no answers yet"):
        read_answers(tmp_path, MADE)
    AnswerStore(tmp_path, MADE).close()
    with pytest.raises(BenchmarkError, match="has no answers yet"):
        read_answers(tmp_path, MADE)


def test_answers_to_another_study_or_no_answers_at_all(tmp_path: Path) -> None:
    with AnswerStore(tmp_path, MADE) as store:
        code = store.enter()
        shown = store.progress(code).shown
        assert shown is not None
        store.answer(code, shown.number, 2)
    other = study(prompts=2, per_participant=6, names=("a", "b", "c"))
    with pytest.raises(BenchmarkError, match="answers to another study"):
        read_answers(tmp_path, other)
    (tmp_path / ANSWERS).write_text("this is no database, whatever its name says" * 100)
    with pytest.raises(BenchmarkError, match="cannot be read as the answers"):
        read_answers(tmp_path, MADE)
    with pytest.raises(OutputError, match="cannot be written as a file of answers"):
        AnswerStore(tmp_path, MADE)


def test_the_table_itself_refuses_what_is_outside_of_the_scale(tmp_path: Path) -> None:
    with AnswerStore(tmp_path, MADE) as store, pytest.raises(sqlite3.IntegrityError):
        store._base.execute("INSERT INTO answers VALUES (0, 0, 'rating', 'weak', NULL, 9, '[]', '')")
