"""``prompts``: one's own prompts, their images scored by rewards that did not choose them."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from PIL import Image
from pydantic import Field, field_validator

from scalingar.bench.benchmark import (
    BENCHMARKS,
    Benchmark,
    BenchmarkSettings,
    Item,
    Judged,
    Verdict,
    unanswered,
)
from scalingar.bench.benchmarks.prompts.prompt_file import read_prompts
from scalingar.bench.file_names import file_name
from scalingar.bench.statistics import ScoreTable
from scalingar.core.errors import ConfigError
from scalingar.rewards import REWARDS, PixelReward, WithoutWeights, build_reward, check_reward, eyes
from scalingar.rewards.judges.question_reward import QuestionReward
from scalingar.rewards.reward import compares

SCORES = "scores"
"""Key of a verdict's details: what each judge says."""


class RowsLeftOutWarning(UserWarning):
    """Rows of a file of prompts that are not used."""


class PromptsSettings(BenchmarkSettings):
    """The prompts and the judges."""

    file: Path = Field(description="of prompts: .txt, .csv, .tsv, .jsonl or .json")
    judges: tuple[str, ...] = Field(
        min_length=1, description="rewards that score the images, with commas between them; the first is the main one"
    )

    @field_validator("judges", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        named = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        if not named:
            raise ValueError(f"must name a reward; choose from {', '.join(REWARDS)}")
        return named

    @field_validator("judges")
    @classmethod
    def _different(cls, judges: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(judges)) < len(judges):
            raise ValueError("must all be different")
        return judges


@BENCHMARKS.register("prompts")
class Prompts(Benchmark):
    """Your own prompts (`bench run prompts FILE judges=NAME`); rewards that chose no image score them."""

    version = "1"
    positional = "file"
    graded = True
    settings: ClassVar[type[BenchmarkSettings]] = PromptsSettings

    def __init__(self, settings: PromptsSettings, judges: Mapping[str, PixelReward]) -> None:
        """Reads the prompts. ``judges``: by name, the main one first. Raises BenchmarkError."""
        self.chosen_settings = settings
        self.judges = judges
        self.read = read_prompts(settings.file)

    @classmethod
    def build(cls, settings: PromptsSettings, *, device: str | torch.device, dtype: torch.dtype) -> Self:
        """The judges' weights are loaded by :meth:`prepare`. Raises ConfigError for a reward that judges no image."""
        judges = {}
        for name in settings.judges:
            check_reward(name)
            reward = build_reward(name, device=device)
            if compares(name) or not isinstance(reward, PixelReward):
                raise ConfigError(f"{name} does not score an image by itself and cannot judge; {_others()}.")
            judges[name] = reward
        return cls(settings, judges)

    @property
    def label(self) -> str:
        """The file, and the main judge: the unit of the score is its."""
        return f"{self.chosen_settings.file.name}, mean {self.chosen_settings.judges[0]}"

    @property
    def graders(self) -> frozenset[str]:
        """What looks for the judges."""
        return frozenset().union(*map(eyes, self.chosen_settings.judges))

    @property
    def provenance(self) -> dict[str, str]:
        """The judges, and the hashes of their questions."""
        asked = {
            f"questions of {name.partition('?')[0]}": judge.questions.digest
            for name, judge in self.judges.items()
            if isinstance(judge, QuestionReward) and judge.questions.digest is not None
        }
        return {"judges": ", ".join(self.judges), **asked}

    def prepare(self, picture: Image.Image | None = None) -> None:
        """Loads the judges, sees that those with questions have some about each prompt; warns of repeated prompts."""
        if self.read.left_out:
            warnings.warn(self.read.left_out, RowsLeftOutWarning, stacklevel=2)
        for judge in self.judges.values():
            for item in self.read.items:
                judge.check_prompt(item.prompt)
            judge.prepare()

    def items(self) -> list[Item]:
        """The prompts in the order of the file."""
        return self.read.items

    def image_path(self, item: Item, number: int) -> str:
        """``<id>/<number>.png``."""
        return f"{file_name(item.id)}/{number:04d}.png"

    def score(self, item: Item, images: Sequence[Image.Image]) -> list[Verdict]:
        """The main judge's score as points; those of all judges in the details."""
        columns = {name: judge.answered(item.prompt, images) for name, judge in self.judges.items()}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return [self._verdict(row) for row in rows]

    def _verdict(self, scores: Mapping[str, float | None]) -> Verdict:
        main = next(iter(scores))
        told = {name: None if value is None else float(value) for name, value in scores.items()}
        points = told[main]
        if points is None:
            silent = unanswered(main)
            return Verdict(silent.points, silent.total, silent.reason, {**silent.details, SCORES: told})
        return Verdict(points, details={SCORES: told})

    @classmethod
    def weights(cls, table: ScoreTable) -> dict[str, float]:
        """The overall score is the mean over all images, whatever their tags."""
        return {task: float(table.total[table.rows(task)].sum() / table.total.sum()) for task in table.names}

    def measures(self, judged: Sequence[Judged]) -> dict[str, ScoreTable]:
        """What the other judges say, and the main score of each tag where prompts have several."""
        others = {f"mean {name}": _table(judged, name) for name in self.chosen_settings.judges[1:]}
        tags = dict.fromkeys(tag for image in judged for tag in image.item.metadata.get("tags", ()))
        main = self.chosen_settings.judges[0]
        for tag in tags:
            own = [image for image in judged if tag in (image.item.metadata.get("tags") or [image.item.task])]
            others[f"tag {tag}"] = _table(own, main)
        return {name: table for name, table in others.items() if table is not None}


def _table(judged: Sequence[Judged], judge: str) -> ScoreTable | None:
    """The scores by one judge; None if it answered about no image."""
    scores = [image.verdict.details.get(SCORES, {}).get(judge) for image in judged]
    if all(score is None for score in scores):
        return None
    return ScoreTable.of_images(
        prompts=[image.item.id for image in judged],
        tasks=[image.item.task for image in judged],
        points=[0.0 if score is None else score for score in scores],
        total=[float(score is not None) for score in scores],
    )


def _others() -> str:
    names = [name for name in REWARDS if not isinstance(REWARDS[name], WithoutWeights) and not compares(name)]
    return f"choose from {', '.join(names)}"
