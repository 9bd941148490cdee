"""A simulated set of answers with known truth is recovered within its intervals."""

import csv
import io
import json
import math
from pathlib import Path

import pytest

from scalingar.bench.statistics.proportions import wilson_interval
from scalingar.bench.study.answers import Answer, read_answers
from scalingar.bench.study.report import StudyReport, answers_csv, markdown, report, report_files
from tests.bench.study.people import MINDS, ask_all, study, true_opinion

PEOPLE = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    ask_all(folder, study(), PEOPLE).close()
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> StudyReport:
    return report(study(), read_answers(folder, study()))


def test_known_minds_are_recovered(told: StudyReport) -> None:
    assert (told.participants, told.complete, told.ratings + told.pairs) == (PEOPLE, PEOPLE, PEOPLE * 30)
    for name, mind in MINDS.items():
        opinion, strength = told.opinions[name], told.strengths[name]
        assert opinion.low < true_opinion(name) < opinion.high
        assert strength.low < mind < strength.high
        assert opinion.high - opinion.low < 0.8
        assert strength.high - strength.low < 0.9
    for win in told.wins:
        truth = 1 / (1 + math.exp(MINDS[win.second] - MINDS[win.first]))
        assert win.rate.low < truth < win.rate.high
        assert win.rate.high - win.rate.low < 0.25
    assert 0 < told.agreement["ratings"] < 0.6
    assert told.agreement["same side"] > 0.5


def test_intervals_hold_the_truth_as_often_as_they_say(tmp_path: Path) -> None:
    """Of six studies, three strengths and three rates each (16 people are few, so fewer than 95 %)."""
    made, held, all_of = study(prompts=6, per_participant=36), 0, 0
    for seed in range(1, 7):
        place = tmp_path / str(seed)
        place.mkdir()
        ask_all(place, made, 16, seed).close()
        told = report(made, read_answers(place, made), resamples=400)
        truths = [(told.strengths[name], mind) for name, mind in MINDS.items()]
        truths += [(w.rate, 1 / (1 + math.exp(MINDS[w.second] - MINDS[w.first]))) for w in told.wins]
        held += sum(interval.low <= truth <= interval.high for interval, truth in truths)
        all_of += len(truths)
    assert 0.85 < held / all_of < 1.0


def test_reasons_are_counted_for_the_preferred(told: StudyReport) -> None:
    for win in told.wins:
        assert sum(win.reasons[name]["quality"] for name in (win.first, win.second)) == win.answers - win.ties
    best = told.wins[1]
    assert (best.first, best.second) == ("run-w", "run-g")
    assert best.reasons["run-g"]["quality"] == round((1 - best.rate.value) * best.answers)


def test_tables(told: StudyReport) -> None:
    text = markdown(told)
    assert text.startswith(f"{PEOPLE} participants ({PEOPLE} to the end), ")
    assert "| run-g | single, N = 1 | " in text
    assert "| run-w over run-g | 0." in text
    assert "too narrow" not in text
    for line in text.splitlines():
        assert line == line.rstrip()


def test_files_hold_every_answer(folder: Path, told: StudyReport) -> None:
    answers = read_answers(folder, study())
    files = report_files(told, answers)
    assert list(files) == ["report.md", "report.json", "answers.csv"]
    plain = json.loads(files["report.json"])
    assert plain["opinions"]["run-g"]["value"] == told.opinions["run-g"].value
    rows = list(csv.DictReader(io.StringIO(answers_csv(answers))))
    assert len(rows) == PEOPLE * 30
    assert {row["reasons"] for row in rows} == {"", "quality"}


def answered(values: dict[int, dict[int, int]]) -> list[Answer]:
    """Answers by participant and question of a study of one prompt; the first run is on the left."""
    made = study(1, 1).questions
    return [
        Answer(
            person,
            number,
            value,
            (),
            made[number].kind,
            made[number].runs[0],
            made[number].runs[1] if made[number].kind == "pair" else None,
        )
        for person, of in values.items()
        for number, value in of.items()
    ]


def test_all_who_say_the_same_are_not_all_there_are() -> None:
    """Questions 0 to 2 are ratings, 3 to 5 pairs."""
    everyone = {person: {0: 5, 1: 1, 2: 3, 3: 1, 4: 5, 5: 3} for person in range(12)}
    told = report(study(1, 1), answered(everyone), resamples=50)
    low, high = wilson_interval(12, 12)
    rates = [(win.rate.value, win.rate.low, win.rate.high) for win in told.wins]
    assert rates[:2] == [(1, pytest.approx(low), 1), (0, 0, pytest.approx(1 - low))]
    assert high == 1 > low > 0.7
    assert rates[2][1] < 0.5 < rates[2][2]
    best, worst = told.opinions["run-w"], told.opinions["run-f"]
    assert (best.low, best.high) == (pytest.approx(1 + 4 * low), 5)
    assert (worst.low, worst.high) == (1, pytest.approx(5 - 4 * low))


def test_draws_that_say_nothing_are_counted() -> None:
    """One of thirteen was asked about the run that nobody else compared."""
    some = {person: {0: 4, 3: 1 + person % 5} for person in range(12)} | {12: {4: 2, 5: 4}}
    told = report(study(1, 1), answered(some), resamples=400)
    missing = told.left_out["run-w over run-g"]
    assert missing / 400 == pytest.approx((12 / 13) ** 13, abs=0.1)
    assert told.left_out["Bradley-Terry"] == missing
    assert set(told.left_out) == {"run-w over run-g", "run-f over run-g", "Bradley-Terry"}, "nobody rated run-g at all"
    text = markdown(told)
    assert f"participants were not asked about it: {missing} for run-w over run-g, {missing} for run-f over" in text
    assert f" {missing} for Bradley-Terry." in text


def test_the_report_says_what_its_figures_rest_on(told: StudyReport) -> None:
    text = markdown(told)
    assert "They hold for these prompts, not for others." in text
    assert "with a prior: half a win is added to either side of each compared pair." in text
    assert "Left out" not in text


def test_one_participant_has_no_intervals(tmp_path: Path) -> None:
    ask_all(tmp_path, study(), 1).close()
    told = report(study(), read_answers(tmp_path, study()))
    assert math.isnan(told.opinions["run-g"].low)
    text = markdown(told)
    assert "No intervals" in text
    assert "[" not in text
    assert "two people on a pair say the same | – |" in text
    assert json.loads(report_files(told, [])["report.json"])["agreement"]["pairs"] is None
