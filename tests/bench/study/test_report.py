"""A simulated set of answers with known truth is recovered within its intervals."""

import csv
import io
import json
import math
from pathlib import Path

import pytest

from scalingar.bench.study.answers import read_answers
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


def test_one_participant_has_no_intervals(tmp_path: Path) -> None:
    ask_all(tmp_path, study(), 1).close()
    told = report(study(), read_answers(tmp_path, study()))
    assert math.isnan(told.opinions["run-g"].low)
    text = markdown(told)
    assert "No intervals" in text
    assert "[" not in text
    assert "two people on a pair say the same | – |" in text
    assert json.loads(report_files(told, [])["report.json"])["agreement"]["pairs"] is None
