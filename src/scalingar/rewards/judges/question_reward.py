"""The base of rewards that ask a model: from probabilities of yes to a score."""

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from PIL import Image

from scalingar.rewards.judges.questions import Question, Questions
from scalingar.rewards.reward import PixelReward

UNDECIDED = 0.5
"""The score of a picture about which there is no answer: neither a yes nor a no."""


class UnansweredWarning(UserWarning):
    """A model gave no answer about a picture."""


class QuestionReward(PixelReward):
    """Mean probability of the right answers, between 0 and 1."""

    independent = True

    def __init__(self, asked: Path | None) -> None:
        """``asked``: the file of questions, which is read when it is first needed; None: the one of ``SHOWS``."""
        self.asked = asked

    @cached_property
    def questions(self) -> Questions:
        """What is asked. Raises ConfigError."""
        return Questions.read(self.asked)

    @abstractmethod
    def yes(self, pairs: Sequence[tuple[Image.Image, str]]) -> list[float | None]:
        """The probability of yes for each picture and question, in [0, 1]; None where there is no answer."""

    def prepare(self) -> None:
        """Read the questions. Raises ConfigError."""
        _ = self.questions

    def check_prompt(self, prompt: str) -> None:
        """Raises ConfigError if the file of questions asks nothing about it."""
        self.questions.about(prompt)

    def answered(self, prompt: str, images: Sequence[Image.Image]) -> list[float | None]:
        """The score of each picture; None where no question was answered. Raises ConfigError, EndpointError."""
        asked = self.questions.about(prompt)
        shares = self.yes([(image, question.text) for image in images for question in asked])
        rows = [shares[start : start + len(asked)] for start in range(0, len(shares), len(asked))]
        return [_mean(row, asked) for row in rows]

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """As :meth:`answered`; a picture without an answer is undecided, with a warning."""
        told = self.answered(prompt, images)
        if silent := told.count(None):
            warnings.warn(
                f"{self.title} got no answer about {silent} of {len(told)} pictures of {shown_prompt(prompt)}; they "
                f"count as undecided ({UNDECIDED:g}).",
                UnansweredWarning,
                stacklevel=2,
            )
        return [UNDECIDED if value is None else value for value in told]


def shown_prompt(prompt: str) -> str:
    """As warnings name it."""
    return repr(prompt[:60])


def _mean(shares: Sequence[float | None], asked: Sequence[Question]) -> float | None:
    pairs = zip(shares, asked, strict=True)
    right = [share if question.expected else 1 - share for share, question in pairs if share is not None]
    return sum(right) / len(right) if right else None
