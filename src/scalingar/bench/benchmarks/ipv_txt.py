"""IPV-Txt (Bai et al. 2025, Impossible Videos): prompts for impossible scenes, and one question about each image.

The authors judge by hand; they publish neither a question nor which prompts suit still images. The subsets (see
ipv_subsets.py) and the question are this project's own.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from PIL import Image
from pydantic import Field

from scalingar.bench.benchmark import BENCHMARKS, Benchmark, BenchmarkSettings, Item, Judged, Verdict, unanswered
from scalingar.bench.benchmarks.ipv_subsets import SUBSETS
from scalingar.bench.data_files import read_text
from scalingar.bench.judges.questions import Judge, JudgeSettings, UnansweredError, load_judge, prepare_judge
from scalingar.bench.statistics import Estimate, ScoreTable, wilson_interval
from scalingar.core.errors import BenchmarkError
from scalingar.core.text_file import parse_json

QUESTION = (
    "Does the image show the impossible scene that the following description asks for, its impossible element "
    "clearly visible and not replaced by something possible? Description: {prompt}"
)


class IPVTxtSettings(BenchmarkSettings):
    """The prompts and the judge."""

    prompts: Path = Field(description="the authors' ipv_txt_prompt_suite.json")
    subset: Literal["still", "spatial", "paper", "all"] = Field(
        "still",
        description="135 prompts that a still image can show; the 70 of them that the authors' labels call spatial; "
        "the 3 that ScalingAR shows; or all 260",
    )
    ids: tuple[int, ...] | None = Field(None, description="prompt ids to use in place of a subset")
    judge: JudgeSettings


@BENCHMARKS.register("ipv-txt")
class IPVTxt(Benchmark):
    """Impossible scenes; a vision-language model says whether each image follows its prompt."""

    version = "2"
    settings: ClassVar[type[BenchmarkSettings]] = IPVTxtSettings

    def __init__(self, settings: IPVTxtSettings, judge: Judge) -> None:
        """Reads the prompts. Raises BenchmarkError."""
        self.chosen_settings = settings
        self.judge = judge
        self._items = chosen_items(read_suite(settings.prompts), settings)

    @classmethod
    def build(cls, settings: IPVTxtSettings, *, device: str | torch.device, dtype: torch.dtype) -> Self:
        """Read the prompts."""
        return cls(settings, load_judge(settings.judge))

    @property
    def label(self) -> str:
        """Names the subset and the judge, because neither is the authors'."""
        ids = self.chosen_settings.ids
        which = self.chosen_settings.subset if ids is None else f"{len(ids)} chosen"
        return f"IPV-Txt ({which} prompts, judged by {self.judge.name})"

    @property
    def graders(self) -> frozenset[str]:
        """The judge's model, which a reward could ask too."""
        return frozenset({f"the model {self.chosen_settings.judge.model}"})

    @property
    def provenance(self) -> dict[str, str]:
        """The judge and its question."""
        return {"judge": self.judge.name, "question": QUESTION}

    def prepare(self, picture: Image.Image | None = None) -> None:
        """What the judge looks for before it is asked."""
        prepare_judge(self.judge)

    def items(self) -> list[Item]:
        """The chosen prompts by id; the task is the domain."""
        return self._items

    def score(self, item: Item, images: Sequence[Image.Image]) -> list[Verdict]:
        """One point for an image that follows its prompt."""
        return [self._verdict(item, image) for image in images]

    def _verdict(self, item: Item, image: Image.Image) -> Verdict:
        try:
            answers = self.judge(image, [QUESTION.format(prompt=item.prompt)])
        except UnansweredError as error:
            return unanswered(error)
        follows = answers.yes[0]
        return Verdict(float(follows), reason="" if follows else "not followed", details={"judge": answers.model})

    @classmethod
    def weights(cls, table: ScoreTable) -> dict[str, float]:
        """The overall score is the share of all images: domains are weighted by their number of images."""
        return {task: float(table.total[table.rows(task)].sum() / table.total.sum()) for task in table.names}

    def further(self, judged: Sequence[Judged], tasks: Mapping[str, Estimate]) -> dict[str, float]:
        """The Wilson interval of the overall score, and the score of each category."""
        by_category: dict[str, list[float]] = {}
        for image in judged:
            by_category.setdefault(image.item.metadata["category"], []).append(image.verdict.points)
        low, high = wilson_interval(sum(image.verdict.points for image in judged), len(judged))
        shares = {name: sum(points) / len(points) for name, points in by_category.items()}
        return {"wilson_low": low, "wilson_high": high, **shares}


def chosen_items(suite: Sequence[Item], settings: IPVTxtSettings) -> list[Item]:
    """The prompts of the subset, or those with the given ids. Raises BenchmarkError for an id that does not exist."""
    by_id = {int(item.id): item for item in suite}
    ids = settings.ids or SUBSETS.get(settings.subset, tuple(by_id))
    if missing := sorted(set(ids) - set(by_id)):
        raise BenchmarkError(
            f"{settings.prompts} has no prompt {missing[0]} ({len(missing)} such); copy the file again."
        )
    return [by_id[number] for number in sorted(set(ids))]


def read_suite(path: str | Path) -> list[Item]:
    """All prompts of the authors' file. Raises BenchmarkError if it cannot be read or an id occurs twice."""
    text = read_text(path, "set prompts to the authors' ipv_txt_prompt_suite.json")
    try:
        items = list(_leaves(parse_json(text)))
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise BenchmarkError(f"{path} is no suite of IPV-Txt prompts ({type(error).__name__}: {error}).") from None
    if len({item.id for item in items}) != len(items) or not items:
        raise BenchmarkError(f"{path} holds no prompts or an id twice; copy the file again.")
    return items


def _leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[Item]:
    """The prompts in nested domains and categories."""
    if isinstance(node, dict):
        for name, below in node.items():
            yield from _leaves(below, (*path, name))
    else:
        for entry in node:
            metadata = {"category": " - ".join(path[:2]), "label": entry["prompt_taxonomy_label"]}
            yield Item(str(int(entry["prompt_id"])), str(entry["prompt_text"]), path[0], metadata)
