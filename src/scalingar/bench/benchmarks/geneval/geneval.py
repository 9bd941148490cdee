"""GenEval as a benchmark, with any detector behind it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from PIL import Image
from pydantic import Field

from scalingar.bench.benchmark import BENCHMARKS, Benchmark, BenchmarkSettings, Item, Judged, Verdict, eyes_of
from scalingar.bench.benchmarks.geneval.layout import METADATA, check_complete, folder_name, image_name, read_layout
from scalingar.bench.benchmarks.geneval.metadata import Metadata
from scalingar.bench.benchmarks.geneval.prompts import official_prompts, read_prompts
from scalingar.bench.benchmarks.geneval.rules import ColorOf, GenEvalOptions, Outcome, found_objects, judge
from scalingar.bench.benchmarks.geneval.scoring import boxes, metadata_string, result_line
from scalingar.bench.image_files import blank_picture
from scalingar.bench.judges.detectors import COLOR_CLASSIFIERS, DETECTORS, ColorClassifier, Detection, Detector
from scalingar.bench.statistics import Estimate
from scalingar.core.errors import ConfigError


class GenEvalSettings(BenchmarkSettings):
    """Detector, colour classifier, and the official options."""

    detector: str = Field("hf-mask2former", description="name of the detector")
    detector_source: str | None = Field(None, description="its weights or detections: a file, folder or hub name")
    colors: str | None = Field(
        None,
        description="name of the colour classifier, or 'detector' for the detector's own; if not given, these where it "
        "names them and no colors_source is given, else clip",
    )
    colors_source: str | None = Field(None, description="weights of the colour classifier: a folder or hub name")
    prompts: Path | None = Field(None, description="an evaluation_metadata.jsonl; the official prompts otherwise")
    rule: GenEvalOptions = GenEvalOptions()


OWN, CLIP = "detector", "clip"
"""Names of who names the colours: the detector, or the classifier where it does not."""


@BENCHMARKS.register("geneval")
class GenEval(Benchmark):
    """553 prompts on objects, counts, colours and positions, checked by an object detector."""

    version = "1"
    images_per_prompt = 4
    settings: ClassVar[type[BenchmarkSettings]] = GenEvalSettings

    def __init__(
        self,
        detector: Detector,
        *,
        colors: ColorClassifier | None = None,
        prompts: Sequence[Metadata] | None = None,
        rule: GenEvalOptions | None = None,
    ) -> None:
        """``colors``: None for the detector's own. ``prompts``: None for the official ones."""
        self.detector = detector
        self.colors = colors
        self.prompts = official_prompts() if prompts is None else tuple(prompts)
        self.rule = rule or GenEvalOptions()
        self._by_id = {folder_name(row): metadata for row, metadata in enumerate(self.prompts)}

    @classmethod
    def build(cls, settings: GenEvalSettings, *, device: str | torch.device, dtype: torch.dtype) -> Self:
        """A colour classifier is made where the detector does not name the colours."""
        factory, name = DETECTORS[settings.detector], settings.colors
        if name not in (None, OWN):
            COLOR_CLASSIFIERS[name]  # a name that is wrong is told before anything is fetched
        detector = factory(settings.detector_source, device=device, dtype=dtype)
        if name is None:
            name = OWN if settings.colors_source is None and _names_colors(detector) else CLIP
        colors = None
        if name != OWN:
            colors = COLOR_CLASSIFIERS[name](settings.colors_source, device=device, dtype=dtype)
        return cls(
            detector,
            colors=colors,
            prompts=None if settings.prompts is None else read_prompts(settings.prompts),
            rule=settings.rule,
        )

    @property
    def label(self) -> str:
        """The detector's: only the official detector gives scores of GenEval proper."""
        return self.detector.label

    @property
    def provenance(self) -> dict[str, str]:
        """Detector, colour classifier and prompts."""
        return {
            "detector": f"{self.detector.name} {self.detector.version}",
            "colors": OWN if self.colors is None else self.colors.name,
            "prompts": "official" if self.prompts == official_prompts() else f"{len(self.prompts)} of another file",
        }

    @property
    def graders(self) -> frozenset[str]:
        """The weights of detector and colour classifier; CLIP's are those of the reward clip-score."""
        return eyes_of(self.detector, self.colors)

    def prepare(self, picture: Image.Image | None = None) -> None:
        """Shows detector and classifier the picture, or a blank one.

        Raises what they raise; ConfigError: the detector names no colours, and there is no classifier that does, or one
        that needs masks, which the detector does not give.
        """
        if self.colors is None and not _names_colors(self.detector):
            raise _nameless(self.detector)
        if getattr(self.colors, "needs_masks", False) and not getattr(self.detector, "gives_masks", True):
            raise ConfigError(
                f"the detector {self.detector.name} gives no masks, without which the colour classifier cannot look; "
                "leave colors and colors_source out, or take another detector."
            )
        shown = picture or blank_picture()
        self.detector([shown])
        if self.colors is not None:
            whole = np.ones((shown.height, shown.width), bool)
            self.colors(shown, Detection("dog", (0, 0, *shown.size), 1.0, mask=whole))

    def items(self) -> list[Item]:
        """All prompts; the id of one is the name of its official folder."""
        return [Item(key, prompt.prompt, prompt.tag, prompt.to_dict()) for key, prompt in self._by_id.items()]

    def image_path(self, item: Item, number: int) -> str:
        """``NNNNN/samples/NNNN.png``."""
        return image_name(int(item.id), number)

    def side_files(self, item: Item) -> dict[str, str]:
        """``NNNNN/metadata.jsonl``."""
        return {f"{item.id}/{METADATA}": metadata_string(self._by_id[item.id]) + "\n"}

    def find_images(self, folder: Path, items: Sequence[Item], images_per_prompt: int) -> dict[str, tuple[Path, ...]]:
        """Images in the official layout, with any of the accepted file names."""
        prompts = {int(item.id): self._by_id[item.id] for item in items}
        images = check_complete(read_layout(folder), prompts, images_per_prompt, folder)
        return {folder_name(row): paths for row, paths in images.items()}

    def score(self, item: Item, images: Sequence[Image.Image]) -> list[Verdict]:
        """One point if all clauses hold; ``details`` are the boxes that counted."""
        return [self._verdict(item, *pair) for pair in zip(images, self.detector(images), strict=True)]

    def _verdict(self, item: Item, image: Image.Image, detections: Sequence[Detection]) -> Verdict:
        objects = found_objects(detections, item.task, self.rule)
        outcome = judge(self._by_id[item.id], objects, self._color_of(image), self.rule)
        return Verdict(float(outcome.correct), reason=outcome.reason, details={"boxes": boxes(objects)})

    def _color_of(self, image: Image.Image) -> ColorOf:
        def color_of(detection: Detection) -> str:
            color = detection.color if self.colors is None else self.colors(image, detection)
            if color is None:
                raise _nameless(self.detector)
            return color

        return color_of

    def further(self, judged: Sequence[Judged], tasks: Mapping[str, Estimate]) -> dict[str, float]:
        """The two other scores that upstream prints."""
        any_right: dict[str, bool] = defaultdict(bool)
        for image in judged:
            any_right[image.item.id] |= image.verdict.correct
        return {
            "correct_images": sum(image.verdict.correct for image in judged) / len(judged),
            "correct_prompts": sum(any_right.values()) / len(any_right),
        }

    def official_line(self, judged: Judged, filename: str) -> dict[str, Any]:
        """The verdict as a line of upstream's results.jsonl."""
        outcome = Outcome(judged.verdict.correct, judged.verdict.reason)
        return result_line(filename, self._by_id[judged.item.id], outcome, judged.verdict.details["boxes"])


def _names_colors(detector: Detector) -> bool:
    return bool(getattr(detector, "names_colors", True))


def _nameless(detector: Detector) -> ConfigError:
    return ConfigError(f"the detector {detector.name} names no colours; choose a colour classifier.")
