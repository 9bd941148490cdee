"""Who is shown what, in which order, and on which side: the same for participant k whenever it is asked."""

from dataclasses import dataclass

import numpy as np

from scalingar.bench.study.study import Pair, Question, Study


@dataclass(frozen=True)
class Shown:
    """A question as one participant sees it. ``number``: of the question in the study."""

    number: int
    question: Question
    first_left: bool
    """Of a pair: the picture of its first run is on the left."""

    @property
    def pictures(self) -> tuple[str, ...]:
        """From left to right."""
        if not isinstance(self.question, Pair):
            return (self.question.picture,)
        first, second = self.question.pictures
        return (first, second) if self.first_left else (second, first)

    @property
    def runs(self) -> tuple[str, ...]:
        """Whose pictures these are, from left to right; of a rating all that drew it."""
        if not isinstance(self.question, Pair) or self.first_left:
            return self.question.runs
        return self.question.runs[::-1]


def session(study: Study, participant: int) -> list[Shown]:
    """The questions of participant number k, from 0.

    Ratings come before pairs: who has seen two pictures side by side rates them by comparison. Participants 2j and
    2j + 1 are asked the same in reverse order and with sides swapped, so that over both no question is earlier and no
    run more often on the left. One after the other they go through all questions again and again, each with every kind
    of question in equal parts.
    """
    half, swapped = divmod(participant, 2)
    count, each = len(study.questions), study.per_participant
    cycle = _cycle(study)
    numbers = [cycle[place % count] for place in range(half * each, (half + 1) * each)]
    order = np.random.default_rng((study.seed, 2, half)).permutation(numbers).tolist()
    if swapped:
        order.reverse()
    shown = [_shown(study, number, swapped=bool(swapped)) for number in order]
    return sorted(shown, key=lambda one: isinstance(one.question, Pair))


def _shown(study: Study, number: int, *, swapped: bool) -> Shown:
    question = study.questions[number]
    return Shown(number, question, isinstance(question, Pair) and question.first_left != swapped)


def _cycle(study: Study) -> list[int]:
    """All questions, so that any stretch of them holds ratings and pairs of all runs in nearly equal parts."""
    rng = np.random.default_rng((study.seed, 3))
    kinds: dict[tuple[str, ...], list[int]] = {}
    for number, question in enumerate(study.questions):
        kinds.setdefault((question.kind, *question.runs), []).append(number)
    places: dict[int, float] = {}
    for numbers in kinds.values():
        start = rng.random()
        for rank, number in enumerate(rng.permutation(numbers).tolist()):
            places[number] = (rank + start) / len(numbers)
    return sorted(places, key=lambda number: (places[number], number))
