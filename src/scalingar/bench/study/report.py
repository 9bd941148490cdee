"""What the answers of a study say: mean opinion scores, win rates, strengths and agreement."""

import csv
import io
import itertools
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from scalingar.bench.statistics.agreement import krippendorff_alpha
from scalingar.bench.statistics.bradley_terry import bradley_terry
from scalingar.bench.statistics.clustered import (
    PEOPLE_RESAMPLES,
    bounded_interval,
    left_out,
    percentile_interval,
    person_weights,
    ratio,
)
from scalingar.bench.statistics.drops import Interval
from scalingar.bench.study.answers import Answer
from scalingar.bench.study.study import EQUAL, HIGHEST, LOWEST, REASONS, Study
from scalingar.core.errors import BenchmarkError
from scalingar.report.markdown import markdown_table, with_interval

SEED = 20250926
"""Seeds the bootstrap."""
FEW = 10
"""People below whose number a bootstrap over them is too narrow to rely on."""


@dataclass(frozen=True)
class WinRate:
    """How often ``first`` was preferred to ``second``, ties half; ``reasons``: of the answers that preferred either."""

    first: str
    second: str
    rate: Interval
    answers: int
    ties: int
    identical: int
    reasons: dict[str, dict[str, int]]
    """By preferred run and reason."""


@dataclass(frozen=True)
class StudyReport:
    """All figures of a study. An interval that cannot be known has NaN for its ends."""

    study: Study
    participants: int
    complete: int
    """Participants who answered all that they were asked."""
    ratings: int
    pairs: int
    opinions: dict[str, Interval]
    """Mean opinion score, 1 to 5, by run."""
    wins: list[WinRate]
    strengths: dict[str, Interval]
    """Bradley-Terry log strengths with mean 0, by run."""
    agreement: dict[str, float]
    """Krippendorff's α of ``ratings`` and ``pairs``, and ``same side``: of two people asked about the same pair."""
    resamples: int
    """Of each interval."""
    left_out: dict[str, int]
    """By figure, how many of them say nothing, because the people drawn were not asked about it; those above 0."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; null for what cannot be known."""
        told = asdict(self)
        told["study"] = self.study.model_dump(mode="json", exclude={"questions"})
        return _without_nan(told)


def report(study: Study, answers: Sequence[Answer], *, resamples: int = PEOPLE_RESAMPLES) -> StudyReport:
    """Evaluate answers. Intervals draw participants with replacement. Raises BenchmarkError: there are no answers."""
    if not answers:
        raise BenchmarkError("there are no answers to report.")
    people = sorted({answer.participant for answer in answers})
    weights = person_weights(len(people), np.random.default_rng(SEED), resamples)
    row = {number: place for place, number in enumerate(people)}
    names = study.names
    ratings = [answer for answer in answers if answer.kind == "rating"]
    pairs = [answer for answer in answers if answer.kind == "pair"]
    sums, counts = np.zeros((2, len(people), len(names)))
    for answer in ratings:
        for name in study.questions[answer.question].runs:
            sums[row[answer.participant], names.index(name)] += answer.value
            counts[row[answer.participant], names.index(name)] += 1
    won = np.zeros((len(people), len(names), len(names)))
    for answer in pairs:
        left, right = names.index(answer.left_run), names.index(str(answer.right_run))
        for_left, for_right = _shares(answer.value)
        won[row[answer.participant], left, right] += for_left
        won[row[answer.participant], right, left] += for_right
    opinions = ratio(weights @ sums, weights @ counts)
    wins = np.einsum("rk,kab->rab", weights, won)
    beta = bradley_terry(wins)
    rates = ratio(wins, wins + wins.transpose(0, 2, 1))
    compared = ((won + won.transpose(0, 2, 1)) > 0).sum(0)
    duels = list(itertools.combinations(names, 2))
    missing = {f"the opinion of {name}": left_out(opinions[:, i]) for i, name in enumerate(names)}
    missing |= {f"{a} over {b}": left_out(rates[:, names.index(a), names.index(b)]) for a, b in duels}
    missing["Bradley-Terry"] = left_out(beta[:, 0])
    asked = Counter(answer.participant for answer in answers)
    return StudyReport(
        study=study,
        participants=len(people),
        complete=sum(count >= study.per_participant for count in asked.values()),
        ratings=len(ratings),
        pairs=len(pairs),
        opinions={
            name: bounded_interval(opinions[:, i], len(people), int((counts[:, i] > 0).sum()), (LOWEST, HIGHEST))
            for i, name in enumerate(names)
        },
        wins=[_win_rate(study, pairs, rates, compared, a, b, len(people)) for a, b in duels],
        strengths={name: percentile_interval(beta[:, i], len(people)) for i, name in enumerate(names)},
        agreement=_agreement(study, ratings, pairs),
        resamples=resamples,
        left_out={figure: count for figure, count in missing.items() if count},
    )


def _shares(value: int) -> tuple[float, float]:
    """How much of a win left and right have."""
    return (0.5, 0.5) if value == EQUAL else (float(value < EQUAL), float(value > EQUAL))


def _win_rate(
    study: Study,
    pairs: Sequence[Answer],
    rates: Float[np.ndarray, "r m m"],
    compared: Int[np.ndarray, "m m"],
    first: str,
    second: str,
    people: int,
) -> WinRate:
    """``compared``: how many people were asked about each two runs."""
    a, b = study.names.index(first), study.names.index(second)
    mine = [answer for answer in pairs if {answer.left_run, answer.right_run} == {first, second}]
    reasons = {name: dict.fromkeys(REASONS, 0) for name in (first, second)}
    for answer in mine:
        if answer.value != EQUAL:
            better = answer.left_run if answer.value < EQUAL else str(answer.right_run)
            for reason in answer.reasons:
                reasons[better][reason] += 1
    return WinRate(
        first=first,
        second=second,
        rate=bounded_interval(rates[:, a, b], people, int(compared[a, b])),
        answers=len(mine),
        ties=sum(answer.value == EQUAL for answer in mine),
        identical=study.identical.get(f"{first}|{second}", 0),
        reasons=reasons,
    )


def _agreement(study: Study, ratings: Sequence[Answer], pairs: Sequence[Answer]) -> dict[str, float]:
    # From the side of the first run, whatever side it was shown on.
    turned = [
        answer.value if answer.left_run == study.questions[answer.question].runs[0] else LOWEST + HIGHEST - answer.value
        for answer in pairs
    ]
    sides: dict[int, Counter[int]] = {}
    for answer, value in zip(pairs, turned, strict=True):
        sides.setdefault(answer.question, Counter())[int(np.sign(value - EQUAL))] += 1
    same = sum(math.comb(count, 2) for of in sides.values() for count in of.values())
    both = sum(math.comb(of.total(), 2) for of in sides.values())
    return {
        "ratings": _alpha(ratings, [answer.value for answer in ratings]),
        "pairs": _alpha(pairs, turned),
        "same side": same / both if both else math.nan,
    }


def _alpha(answers: Sequence[Answer], values: Sequence[int]) -> float:
    units = np.array([answer.question for answer in answers], np.int64)
    return krippendorff_alpha(np.array(values, np.int64) - LOWEST, units, HIGHEST - LOWEST + 1)


def markdown(told: StudyReport) -> str:
    """Tables: opinion and strength by run, win rates by pair with their reasons, agreement; and what limits them."""
    study = told.study
    runs = [
        [run.name, run.strategy, _interval(told.opinions[run.name]), _interval(told.strengths[run.name], sign="+")]
        for run in study.runs
    ]
    pairs = [
        [
            f"{win.first} over {win.second}",
            _interval(win.rate),
            str(win.answers),
            str(win.ties),
            str(win.identical),
            *(f"{win.reasons[win.first][reason]} : {win.reasons[win.second][reason]}" for reason in REASONS),
        ]
        for win in told.wins
    ]
    head = ["win rate, ties half", "rate", "answers", "ties", "same picture", *REASONS]
    lines = [
        f"{_people(told.participants)} ({told.complete} to the end), {told.ratings} ratings, {told.pairs} pairs; "
        f"{study.prompts} prompts of {study.benchmark}.\n",
        markdown_table(["run", "strategy", "opinion, 1 to 5", "Bradley-Terry"], runs),
        markdown_table(head, pairs),
        markdown_table(
            ["agreement", ""],
            [
                ["ratings, Krippendorff's α", _number(told.agreement["ratings"])],
                ["pairs, Krippendorff's α", _number(told.agreement["pairs"])],
                ["two people on a pair say the same", _number(told.agreement["same side"])],
            ],
        ),
        _limits(told),
    ]
    return "\n".join(lines)


def _people(count: int) -> str:
    return "1 participant" if count == 1 else f"{count} participants"


def _limits(told: StudyReport) -> str:
    people = told.participants
    prior = "Bradley-Terry with a prior: half a win is added to either side of each compared pair."
    if people < 2:
        return f"No intervals: they draw participants with replacement, and there is one. {prior}\n"
    sentences = [
        "Intervals: 95 %, participants drawn with replacement; where all answers are the same, Wilson's with "
        "participants as their number.",
        "They hold for these prompts, not for others.",
    ]
    if people < FEW:
        sentences.append(f"{people} are few: the intervals are too narrow.")
    if told.left_out:
        counts = ", ".join(f"{count} for {figure}" for figure, count in told.left_out.items())
        sentences.append(f"Left out of {told.resamples} draws, whose participants were not asked about it: {counts}.")
    return " ".join([*sentences, prior]) + "\n"


def answers_csv(answers: Sequence[Answer]) -> str:
    """A line per answer."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    names = ("participant", "question", "kind", "left_run", "right_run", "value", "reasons", "answered")
    table.writerow(names)
    for answer in answers:
        row = {**asdict(answer), "reasons": " ".join(answer.reasons), "right_run": answer.right_run or ""}
        table.writerow([row[name] for name in names])
    return out.getvalue()


def report_files(told: StudyReport, answers: Sequence[Answer]) -> dict[str, bytes]:
    """``report.md``, ``report.json`` and ``answers.csv``."""
    return {
        "report.md": markdown(told).encode(),
        "report.json": (json.dumps(told.to_dict(), indent=1, allow_nan=False) + "\n").encode(),
        "answers.csv": answers_csv(answers).encode(),
    }


def _interval(interval: Interval, sign: str = "") -> str:
    if math.isnan(interval.value):
        return "–"
    if math.isnan(interval.low):
        return f"{interval.value:{sign}.3f}"
    return with_interval(interval.value, interval.low, interval.high, sign=sign)


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
