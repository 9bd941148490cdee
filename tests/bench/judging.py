"""A judge that recites."""

from collections.abc import Callable, Sequence

from PIL import Image

from scalingar.bench.judges.questions import Answers


class Reciting:
    """Answers each question by a rule, and remembers all questions."""

    name = "reciting"

    def __init__(self, rule: Callable[[str], bool]) -> None:
        self.rule = rule
        self.asked: list[str] = []

    def __call__(self, image: Image.Image, questions: Sequence[str]) -> Answers:
        self.asked += questions
        return Answers(tuple(map(self.rule, questions)), "reciting-1", "")
