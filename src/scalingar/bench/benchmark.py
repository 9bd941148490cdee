"""The interface and registry of benchmarks: prompts, the scoring of an image, and the summary of a run."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from PIL import Image
from pydantic import ConfigDict, field_validator

from scalingar.bench.file_names import checked
from scalingar.bench.statistics import Estimate, ScoreTable, overall, task_estimates
from scalingar.core.errors import BenchmarkError
from scalingar.core.files import expanded
from scalingar.core.registry import Registry
from scalingar.core.settings import Settings

UNANSWERED = "unanswered"
"""Marks verdicts on images about which a judge gave no answer, and names their number in a summary."""
_SHOWN = 5
"""Complaints that a message lists; the others are counted."""


@dataclass(frozen=True)
class Item:
    """One prompt. ``id`` is unique within the benchmark; ``task`` is the group it is averaged in."""

    id: str
    prompt: str
    task: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The score of one image: ``points`` of ``total``, which is 1 or the number of questions answered about it."""

    points: float
    total: float = 1.0
    reason: str = ""
    """Why points are missing, in a few words; empty if none are."""
    details: dict[str, Any] = field(default_factory=dict)
    """What the judge found, in types of JSON."""

    @property
    def correct(self) -> bool:
        """Whether it earned all points."""
        return 0 < self.points == self.total


def unanswered(error: object) -> Verdict:
    """No verdict: the judge gave no answer. The image counts neither as right nor as wrong, but beside the score."""
    return Verdict(0.0, 0.0, reason=f"no answer: {error}", details={UNANSWERED: True})


@dataclass(frozen=True)
class Judged:
    """The verdict on image ``number`` (from 0) of a prompt."""

    item: Item
    number: int
    verdict: Verdict


@dataclass(frozen=True)
class Measure:
    """A further score of the images, with its error. ``weights``: of its tasks; None: equal."""

    table: ScoreTable
    weights: Mapping[str, float] | None

    @property
    def estimate(self) -> Estimate:
        """Over all tasks of which something is known."""
        return overall(task_estimates(self.table.only(self.table.answered)), self.weights)


@dataclass(frozen=True)
class Summary:
    """The scores of a run: in [0, 1], but where a reward judges. ``label``: name of the score."""

    label: str
    overall: Estimate
    tasks: dict[str, Estimate]
    further: dict[str, float]
    """Other scores of this benchmark, by name."""
    weights: Mapping[str, float] | None = None
    """Weights of the tasks in ``overall``; None: equal."""
    measures: Mapping[str, Measure] = field(default_factory=dict)
    """Further scores that have errors, by name."""


class BenchmarkSettings(Settings):
    """Base of a benchmark's settings."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    @field_validator("*")
    @classmethod
    def _with_homes(cls, value: Any) -> Any:
        """In paths, and in names that may be paths, ``~`` is a home."""
        if isinstance(value, Path):
            return expanded(value)
        return str(expanded(value)) if isinstance(value, str) and value.startswith("~") else value


def eyes_of(*judges: object) -> frozenset[str]:
    """What these judges look with, in the words of ``rewards.eyes``; nothing of those without an attribute ``eyes``."""
    return frozenset().union(*(getattr(judge, "eyes", frozenset()) for judge in judges))


class Benchmark(ABC):
    """Base of all benchmarks. A new one is a class under ``@BENCHMARKS.register``, listed with its docstring."""

    version: ClassVar[str]
    """Changes whenever the same images could get different scores."""
    images_per_prompt: ClassVar[int] = 1
    settings: ClassVar[type[BenchmarkSettings]]
    positional: ClassVar[str | None] = None
    """The setting that the command line takes without its name, as the first word after the benchmark's."""
    graded: ClassVar[bool] = False
    """Points are on a scale of their own: an image is neither right nor wrong, but better or worse than another."""

    @classmethod
    @abstractmethod
    def build(cls, settings: Any, *, device: str | torch.device, dtype: torch.dtype) -> Self:
        """Read the data as the ``settings`` say.

        Runs are planned and read this way too, where their judge may not be: it loads its weights and looks for its key
        in :meth:`prepare`, or when it is first asked. Raises BenchmarkError, ConfigError.
        """

    @property
    @abstractmethod
    def label(self) -> str:
        """Name of the score, with the judge if it is not the official one."""

    @property
    def provenance(self) -> dict[str, str]:
        """Data and judges with their versions, for the results."""
        return {}

    @property
    def graders(self) -> frozenset[str]:
        """What looks at the images, in the words of ``rewards.eyes``, where a reward could be the same."""
        return frozenset()

    def prepare(self, picture: Image.Image | None = None) -> None:  # noqa: B027  (most have nothing to prepare)
        """Called before images are drawn or judged; raises what :meth:`score` would for a missing file or package.

        ``picture``: one of those that will be judged, to try judges with; None: they are drawn, without file names.
        """

    @abstractmethod
    def items(self) -> Sequence[Item]:
        """All prompts, in the official order."""

    @abstractmethod
    def score(self, item: Item, images: Sequence[Image.Image]) -> list[Verdict]:
        """The verdict on each image of a prompt. Images opened from files should keep their ``filename``."""

    @classmethod
    def weights(cls, table: ScoreTable) -> Mapping[str, float] | None:
        """Weights of the table's tasks in the overall score, with sum 1; None: equal."""
        return None

    def image_path(self, item: Item, number: int) -> str:
        """Path of an image in the official layout, relative to the folder of a run. Raises BenchmarkError outside."""
        return checked(f"{item.id}/{number:04d}.png")

    def side_files(self, item: Item) -> dict[str, str]:
        """Other files that the official layout has for a prompt: text by relative path."""
        return {}

    def find_images(self, folder: Path, items: Sequence[Item], images_per_prompt: int) -> dict[str, tuple[Path, ...]]:
        """Paths of the images in an existing folder, by item id. Raises BenchmarkError that names missing ones."""
        numbers = range(images_per_prompt)
        images = {item.id: tuple(self.find_image(folder, item, number) for number in numbers) for item in items}
        paths = [path for paths in images.values() for path in paths]
        missing = [f"{path.relative_to(folder)} is missing" for path in paths if not path.is_file()]
        check_folder_complete(folder, missing)
        return images

    def find_image(self, folder: Path, item: Item, number: int) -> Path:
        """Path of an image in an existing folder, which may lack it."""
        return folder / self.image_path(item, number)

    def further(self, judged: Sequence[Judged], tasks: Mapping[str, Estimate]) -> dict[str, float]:
        """Scores besides those of the tasks and the overall one."""
        return {}

    def measures(self, judged: Sequence[Judged]) -> Mapping[str, ScoreTable]:
        """Further scores of each image, which are compared between runs as the main one is."""
        return {}

    def summary(self, judged: Sequence[Judged]) -> Summary:
        """The scores of a complete run (see :func:`check_judged`). Raises BenchmarkError if no image was answered."""
        answered = [image for image in judged if not image.verdict.details.get(UNANSWERED)]
        silent = len(judged) - len(answered)
        if judged and not answered:
            raise BenchmarkError(f"the judge gave no answer about any of {silent} images; there is no score.")
        table = score_table(answered)
        tasks = task_estimates(table)
        weights = self.weights(table)
        further = self.further(answered, tasks) | ({UNANSWERED: float(silent)} if silent else {})
        measures = {name: Measure(own, self.weights(own)) for name, own in self.measures(judged).items()}
        return Summary(self.label, overall(tasks, weights), tasks, further, weights, measures)


BENCHMARKS: Registry[type[Benchmark]] = Registry("benchmarks")


def score_table(judged: Sequence[Judged]) -> ScoreTable:
    """A row per prompt, in the order of their first images. Raises BenchmarkError without images."""
    return ScoreTable.of_images(
        prompts=[image.item.id for image in judged],
        tasks=[image.item.task for image in judged],
        points=[image.verdict.points for image in judged],
        total=[image.verdict.total for image in judged],
    )


def check_judged(
    items: Sequence[Item], judged: Sequence[Judged], images_per_prompt: int, folder: Path | None = None
) -> None:
    """``folder``: of the run. Raises BenchmarkError that names images which are missing, unexpected or scored twice."""
    scored = Counter((image.item.id, image.number) for image in judged)
    expected = {(item.id, number) for item in items for number in range(images_per_prompt)}
    complaints = [f"image {n} of {item} is not scored" for item, n in sorted(expected - set(scored))]
    complaints += [f"image {n} of {item} is none of this run" for item, n in sorted(set(scored) - expected)]
    complaints += [f"image {n} of {item} is scored {count} times" for (item, n), count in scored.items() if count > 1]
    if complaints:
        where = "the run" if folder is None else f"the run in {folder}"
        raise BenchmarkError(
            f"{where} is not complete: {shortened(complaints)}. Give the command that began it again, with the same "
            "folder: it goes on where it stopped."
        )


def check_folder_complete(folder: str | Path, complaints: Sequence[str]) -> None:
    """Raises BenchmarkError if there are complaints."""
    if complaints:
        raise BenchmarkError(f"{folder} is not complete: {shortened(complaints)}. Nothing was scored.")


def shortened(complaints: Sequence[str]) -> str:
    """The first few complaints, and the number of the others."""
    rest = f"; and {len(complaints) - _SHOWN} more" if len(complaints) > _SHOWN else ""
    return "; ".join(complaints[:_SHOWN]) + rest
