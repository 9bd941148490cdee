"""A study: pictures of several runs without their names, and what is asked about them."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from scalingar.bench.file_names import checked
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.core.settings import Record

STUDY, PICTURES = "study.json", "pictures"
LOWEST, HIGHEST, EQUAL = 1, 5, 3
"""Of the scale of every answer, and what says of a pair that neither is better."""
REASONS = ("prompt", "quality", "plausibility")
"""By which one picture of a pair can be better."""


class StudiedRun(Record):
    """One of the runs that are compared."""

    name: str = Field(description="of its folder")
    strategy: str
    plan: str = Field(description="SHA-256 of its plan")


class Rating(Record):
    """How good is this picture, 1 bad to 5 excellent?"""

    kind: Literal["rating"] = "rating"
    prompt: str
    picture: str
    runs: tuple[str, ...] = Field(min_length=1, description="that drew it")


class Pair(Record):
    """Which of two pictures is better, 1 the left one clearly to 5 the right one, and why?"""

    kind: Literal["pair"] = "pair"
    prompt: str
    pictures: tuple[str, str] = Field(description="of either run, which are shown on either side")
    runs: tuple[str, str]
    first_left: bool = Field(description="the first run's picture is on the left for participants of even number")


Question = Annotated[Rating | Pair, Field(discriminator="kind")]


class Study(Record):
    """All that decides what participant k is shown; never served."""

    form: Literal["scalingar.study/1"] = "scalingar.study/1"
    seed: int = Field(ge=0, description="keys prompts, sides and orders")
    benchmark: str
    prompts: int = Field(ge=1)
    per_participant: int = Field(ge=1, description="questions that one is asked")
    runs: tuple[StudiedRun, ...] = Field(min_length=2)
    identical: dict[str, int] = Field(
        description="by pair of runs ('a|b'), prompts for which both drew the same picture: nobody is asked about them"
    )
    questions: tuple[Question, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _of_its_runs(self) -> Self:
        names = {run.name for run in self.runs}
        for question in self.questions:
            if not set(question.runs) <= names:
                raise ValueError(
                    f"a question is about the runs {', '.join(question.runs)}, which are none of the study"
                )
        for name in self.pictures:
            checked(name)
        if self.per_participant > len(self.questions):
            raise ValueError(f"{self.per_participant} questions for a participant are more than there are")
        return self

    @property
    def names(self) -> list[str]:
        """Of the runs, in the order given."""
        return [run.name for run in self.runs]

    @property
    def pictures(self) -> set[str]:
        """Names of all pictures."""
        rated = {question.picture for question in self.questions if isinstance(question, Rating)}
        return rated.union(*(question.pictures for question in self.questions if isinstance(question, Pair)))

    def picture(self, folder: Path, name: str) -> Path:
        """Where the picture of this name is in the study's folder."""
        return folder / PICTURES / f"{name}.png"

    def check_pictures(self, folder: Path) -> None:
        """Raises BenchmarkError where one is missing."""
        if missing := sorted(name for name in self.pictures if not self.picture(folder, name).is_file()):
            others = f", and {len(missing) - 1} more are" if len(missing) > 1 else " is"
            raise BenchmarkError(
                f"{self.picture(folder, missing[0])}{others} missing; copy the whole study again, or build another one."
            )

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The study of a folder. Raises BenchmarkError: there is none, or this version cannot read it."""
        path = folder / STUDY
        try:
            return cls.model_validate_json(path.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise BenchmarkError(
                f"{folder} holds no study ({STUDY} is missing); make one with 'study build'."
            ) from None
        except ConfigError as error:
            raise BenchmarkError(f"{path} cannot be read as a study: {str(error).rstrip('.')}.") from None
        except (OSError, ValueError, BenchmarkError) as error:
            raise BenchmarkError(f"{path} cannot be read as a study: {' '.join(str(error).split())[:200]}") from None
