"""TIIF-Bench (Wei et al. 2025): yes-or-no questions about images of long and short instructions.

The licence of the data is not stated, so it is not in this package but read from the user's copy of the repository.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from PIL import Image
from pydantic import Field

from scalingar.bench.benchmark import BENCHMARKS, Benchmark, BenchmarkSettings, Item, Judged, Verdict, unanswered
from scalingar.bench.benchmarks.tiif_protocol import OfficialProtocol, read_protocol
from scalingar.bench.data_files import read_lines
from scalingar.bench.file_names import file_name
from scalingar.bench.judges.questions import Judge, JudgeSettings, UnansweredError, load_judge, prepare_judge
from scalingar.bench.statistics import Estimate, ScoreTable
from scalingar.core.errors import BenchmarkError
from scalingar.core.text_file import parse_json

_ATTRIBUTES, _SPACES = ("color", "texture"), ("2d", "3d")
_REASONING = ("numeracy", "comparison", "differentiation", "negation")
GROUPS: dict[str, tuple[str, ...]] = {
    "basic attribute": ("shape+color", "color+texture", "texture+color", "shape+texture"),
    "basic relation": ("2d_spatial_relation", "3d_spatial_relation", "action+2d", "action+3d"),
    "basic reasoning": _REASONING,
    "advanced attribute+relation": (
        *(f"action+{other}" for other in _ATTRIBUTES),
        *(f"{first}+{other}" for first in ("color", "shape", "texture") for other in _SPACES),
    ),
    "advanced attribute+reasoning": tuple(f"{first}+{other}" for first in _REASONING for other in _ATTRIBUTES),
    "advanced relation+reasoning": tuple(f"{first}+{other}" for first in _REASONING for other in _SPACES),
    "text": ("text",),
    "style": ("style",),
    "designer": ("real_world",),
}
"""Types by group; the overall score is the unweighted mean of the nine groups."""
TYPES = tuple(kind for kinds in GROUPS.values() for kind in kinds)
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
TIERS = {"basic": tuple(GROUPS)[:3], "advanced": tuple(GROUPS)[3:8]}
"""Groups by tier; a tier's score is the mean of all its types. The third tier, designer, is a single type."""


class TIIFSettings(BenchmarkSettings):
    """The part of the data that is used, and the judge."""

    folder: Path = Field(description="the data folder of the TIIF-Bench repository")
    subset: Literal["testmini", "test"] = Field("testmini", description="277 or 2538 prompts of each length")
    length: Literal["short", "long"] = Field("long", description="of the prompts; published scores differ by length")
    model_name: str = Field("scalingar", description="name of the model's folder in the official layout")
    protocol: Literal["pinned", "official"] = Field(
        "pinned",
        description="of the judge: pinned asks in one fixed wording, at temperature 0 unless told otherwise; official "
        "as the authors' script does, whose words are read from the repository around the data folder",
    )
    judge: JudgeSettings


@BENCHMARKS.register("tiif")
class TIIF(Benchmark):
    """39 types of instructions, checked by yes-or-no questions to a vision-language model."""

    version = "1"
    settings: ClassVar[type[BenchmarkSettings]] = TIIFSettings

    def __init__(self, settings: TIIFSettings, judge: Judge, protocol: OfficialProtocol | None = None) -> None:
        """Reads the data. ``protocol``: in whose words the judge asks; None: its own. Raises BenchmarkError."""
        self.chosen_settings = settings
        self.protocol = protocol
        self.judge = judge
        self._items = [item for kind in TYPES for item in read_type(settings, kind)]

    @classmethod
    def build(cls, settings: TIIFSettings, *, device: str | torch.device, dtype: torch.dtype) -> Self:
        """Read the data."""
        if settings.protocol == "pinned":
            return cls(settings, load_judge(settings.judge))
        protocol = read_protocol(settings.folder)
        return cls(settings, load_judge(protocol.applied(settings.judge)), protocol)

    @property
    def label(self) -> str:
        """Names the length and the judge: judges differ by several points on the same images."""
        chosen = self.chosen_settings
        how = "" if self.protocol is None else ", official protocol"
        return f"TIIF-Bench {chosen.subset} ({chosen.length} prompts, judged by {self.judge.name}{how})"

    @property
    def graders(self) -> frozenset[str]:
        """The judge's model, which a reward could ask too."""
        return frozenset({f"the model {self.chosen_settings.judge.model}"})

    @property
    def provenance(self) -> dict[str, str]:
        """The judge, and the hash of the script whose words it was asked in."""
        script = {} if self.protocol is None else {"protocol": f"official, sha256:{self.protocol.sha256[:16]}"}
        return {"judge": self.judge.name, **script}

    def prepare(self, picture: Image.Image | None = None) -> None:
        """What the judge looks for before it is asked."""
        prepare_judge(self.judge)

    def items(self) -> list[Item]:
        """Type after type, rows in the order of the files."""
        return self._items

    def score(self, item: Item, images: Sequence[Image.Image]) -> list[Verdict]:
        """A point for each question that is answered as expected."""
        return [self._verdict(item, image) for image in images]

    def _verdict(self, item: Item, image: Image.Image) -> Verdict:
        try:
            answers = self.judge(image, item.metadata["questions"])
        except UnansweredError as error:
            return unanswered(error)
        pairs = zip(answers.yes, item.metadata["answers"], strict=True)
        wrong = [number for number, (answer, expected) in enumerate(pairs, 1) if answer != expected]
        return Verdict(
            len(answers.yes) - len(wrong),
            len(answers.yes),
            reason=f"wrong answers to {len(wrong)} of {len(answers.yes)} questions: {wrong}" if wrong else "",
            details={"yes": list(answers.yes), "judge": answers.model},
        )

    @classmethod
    def weights(cls, table: ScoreTable) -> dict[str, float]:
        """The overall score is the mean of the groups, the score of a group the mean of its types in the table."""
        present = [[kind for kind in kinds if kind in table.tasks] for kinds in GROUPS.values()]
        groups = [kinds for kinds in present if kinds]
        return {kind: 1 / len(groups) / len(kinds) for kinds in groups for kind in kinds}

    def further(self, judged: Sequence[Judged], tasks: Mapping[str, Estimate]) -> dict[str, float]:
        """The scores of the groups and of the two tiers."""
        return group_scores({name: estimate.value for name, estimate in tasks.items()})

    def image_path(self, item: Item, number: int) -> str:
        """``<type>/<model>/<length>_description/<row>.png``; of the further images of a prompt ``<row>-<number>.png``.

        The official layout has one image per prompt.
        """
        chosen, further = self.chosen_settings, f"-{number}" if number else ""
        name = f"{item.metadata['row']}{further}{SUFFIXES[0]}"
        return f"{item.task}/{file_name(chosen.model_name)}/{chosen.length}_description/{name}"

    def find_image(self, folder: Path, item: Item, number: int) -> Path:
        """Path of an image in the official layout, with any of its suffixes."""
        paths = [(folder / self.image_path(item, number)).with_suffix(suffix) for suffix in SUFFIXES]
        return next((path for path in paths if path.is_file()), paths[0])


def group_scores(types: Mapping[str, float]) -> dict[str, float]:
    """Unweighted means of the types in each group and tier, where there are any."""
    tiers = {tier: tuple(kind for group in groups for kind in GROUPS[group]) for tier, groups in TIERS.items()}
    scores = {name: [types[kind] for kind in kinds if kind in types] for name, kinds in {**GROUPS, **tiers}.items()}
    return {name: sum(values) / len(values) for name, values in scores.items() if values}


def read_type(settings: TIIFSettings, kind: str) -> list[Item]:
    """The prompts of one type with their questions, which are in a second file with the same rows.

    Raises:
        BenchmarkError: a file is missing or damaged, or the two files do not fit together.
    """
    prompts = _rows(settings.folder / f"{settings.subset}_prompts" / f"{kind}_prompts.jsonl")
    questions = _rows(settings.folder / f"{settings.subset}_eval_prompts" / f"{kind}_eval_prompts.jsonl")
    if len(prompts) != len(questions):
        raise BenchmarkError(
            f"{kind} has {len(prompts)} prompts and questions on {len(questions)}; copy the data again."
        )
    return [_item(settings, kind, row, *pair) for row, pair in enumerate(zip(prompts, questions, strict=True))]


def _item(settings: TIIFSettings, kind: str, row: int, prompt: dict[str, Any], quiz: dict[str, Any]) -> Item:
    try:
        text = str(prompt[f"{settings.length}_description"])
        questions = tuple(map(str, quiz["yn_question_list"]))
        answers = tuple(str(answer).strip().lower() for answer in quiz["yn_answer_list"])
    except (KeyError, TypeError) as error:
        raise BenchmarkError(f"row {row} of {kind} lacks {error}; copy the data again.") from None
    if not questions or len(questions) != len(answers) or not set(answers) <= {"yes", "no"}:
        raise BenchmarkError(f"row {row} of {kind} needs an answer, yes or no, to each question; copy the data again.")
    metadata = {"row": row, "questions": questions, "answers": tuple(answer == "yes" for answer in answers)}
    return Item(f"{kind}/{row}", text, kind, metadata)


def _rows(path: Path) -> list[dict[str, Any]]:
    lines = read_lines(path, "set folder to the data folder of a copy of the TIIF-Bench repository")
    try:
        return [dict(parse_json(line)) for _, line in lines]
    except (ValueError, TypeError) as error:
        raise BenchmarkError(f"{path} cannot be read ({error}); copy it again.") from None
