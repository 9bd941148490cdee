"""T2I-CompBench (Huang et al. 2023; ++: 2025): eight categories of prompts, each with its own judges.

Attributes (color, shape, texture) are scored by BLIP-VQA, non_spatial by CLIP; spatial, 3d_spatial and numeracy by the
boxes of a detector, complex by a mean of several. Upstream's detector is UniDet, which nobody maintains: here OWLv2
takes its place, which the label says, or detections that were made elsewhere.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from PIL import Image
from pydantic import Field, field_validator

from scalingar.bench.benchmark import (
    BENCHMARKS,
    Benchmark,
    BenchmarkSettings,
    Item,
    Verdict,
    check_folder_complete,
    eyes_of,
)
from scalingar.bench.benchmarks.t2i_compbench.blip_vqa import BlipVQA
from scalingar.bench.benchmarks.t2i_compbench.category_judges import (
    CategoryJudges,
    Scored,
    Similarity,
    YesProbability,
)
from scalingar.bench.benchmarks.t2i_compbench.clip_similarity import ClipSimilarity
from scalingar.bench.benchmarks.t2i_compbench.dataset import name_of, read_category, read_singulars
from scalingar.bench.benchmarks.t2i_compbench.depth import Nearness, load_depth
from scalingar.bench.benchmarks.t2i_compbench.noun_chunks import EnglishParser, NounChunks, things
from scalingar.bench.benchmarks.t2i_compbench.objects import OWLV2, Objects, load_objects
from scalingar.bench.benchmarks.t2i_compbench.prompt_words import Parse
from scalingar.bench.image_files import blank_picture

Category = Literal["color", "shape", "texture", "spatial", "3d_spatial", "numeracy", "non_spatial", "complex"]
ASKS = {"color", "shape", "texture", "complex"}
COMPARES = {"non_spatial", "complex"}
DETECTS = {"spatial", "3d_spatial", "numeracy", "complex"}
"""Categories whose judges ask questions, compare image and text, or find objects."""


class T2ICompBenchSettings(BenchmarkSettings):
    """The categories, and the weights of their judges."""

    folder: Path = Field(description="the examples/dataset folder of the T2I-CompBench repository")
    categories: tuple[Category, ...] = ("color", "shape", "texture")
    vqa_source: str | None = Field(None, description="BLIP-VQA weights: a folder or hub name")
    clip_source: str | None = Field(None, description="CLIP ViT-B/32 weights: a folder or hub name")
    objects: str = Field(OWLV2, description="who finds objects in UniDet's place: owlv2, or a detector by its name")
    objects_source: str | None = Field(None, description="its weights or detections: a file, folder or hub name")
    objects_threshold: float | None = Field(
        None, ge=0, lt=1, description="least confidence; None: 0.2 of owlv2, 0.5 (UniDet's) of others"
    )
    depth: Literal["dpt", "precomputed"] = Field("dpt", description="who tells depth for 3d_spatial")
    depth_source: str | None = Field(None, description="DPT weights, or the folder of precomputed maps")

    @field_validator("categories")
    @classmethod
    def _each_once(cls, categories: tuple[Category, ...]) -> tuple[Category, ...]:
        if not categories or len(set(categories)) < len(categories):
            raise ValueError("name at least one category, and none twice")
        return categories


@BENCHMARKS.register("t2i-compbench")
class T2ICompBench(Benchmark):
    """Attributes, relations, numbers and actions, each category by its own judges; 300 prompts a category."""

    version = "1"
    images_per_prompt = 10
    settings: ClassVar[type[BenchmarkSettings]] = T2ICompBenchSettings

    def __init__(
        self,
        settings: T2ICompBenchSettings,
        *,
        yes: YesProbability | None = None,
        chunks: NounChunks | None = None,
        similarity: Similarity | None = None,
        parse: Parse | None = None,
        objects: Objects | None = None,
        depth: Nearness | None = None,
    ) -> None:
        """Judges may be None where no category needs them. Raises BenchmarkError."""
        self.chosen_settings = settings
        singulars = read_singulars(settings.folder) if "numeracy" in settings.categories else None
        self.judges = CategoryJudges(yes, chunks, similarity, parse, objects, depth, singulars)
        self._items = [item for name in settings.categories for item in read_category(settings.folder, name)]

    @classmethod
    def build(cls, settings: T2ICompBenchSettings, *, device: str | torch.device, dtype: torch.dtype) -> Self:
        """Make the judges that the categories need; they load what they need when they are first asked."""
        chosen = set(settings.categories)
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        nlp = EnglishParser() if chosen & (ASKS | DETECTS) else None
        wanted = (settings.objects, settings.objects_source, settings.objects_threshold)
        return cls(
            settings,
            parse=nlp,
            chunks=(lambda prompt: things(nlp(prompt))) if nlp is not None else None,
            yes=BlipVQA(settings.vqa_source, **where) if chosen & ASKS else None,
            similarity=ClipSimilarity(settings.clip_source, **where) if chosen & COMPARES else None,
            objects=load_objects(*wanted, **where) if chosen & DETECTS else None,
            depth=load_depth(settings.depth, settings.depth_source, **where) if "3d_spatial" in chosen else None,
        )

    @property
    def label(self) -> str:
        """Names the categories, because their mean is no published score, and who stands in for UniDet."""
        objects = self.judges.objects
        # Without the weights' hash, which is not known where they are not; provenance has it.
        found = "" if objects is None else f"; objects by {getattr(objects, 'kind', objects.name)}, not UniDet"
        return f"T2I-CompBench ({', '.join(self.chosen_settings.categories)}{found})"

    @property
    def provenance(self) -> dict[str, str]:
        """The judges, and the hash of the names by which things are counted."""
        judges = self.judges
        named = {"vqa": judges.yes, "similarity": judges.similarity, "objects": judges.objects, "depth": judges.depth}
        names = {name: str(getattr(judge, "name", "given")) for name, judge in named.items() if judge is not None}
        if judges.singulars is not None:
            names["singulars"] = hashlib.sha256(repr(sorted(judges.singulars.items())).encode()).hexdigest()
        return names

    @property
    def graders(self) -> frozenset[str]:
        """The weights of the judges."""
        judges = self.judges
        return eyes_of(judges.yes, judges.similarity, judges.objects, judges.depth)

    def prepare(self, picture: Image.Image | None = None) -> None:
        """Tries every judge; raises what it raises."""
        self.judges.tried(picture or blank_picture())

    def items(self) -> list[Item]:
        """Category after category, in the order of the files."""
        return self._items

    def score(self, item: Item, images: Sequence[Image.Image]) -> list[Verdict]:
        """The score of the item's category, in [0, 1]; of complex prompts the mean of their parts."""
        return [self._verdict(item, image) for image in images]

    def _verdict(self, item: Item, image: Image.Image) -> Verdict:
        if item.task != "complex":
            points, details = self._scorer(item.task)(item.prompt, image)
            return Verdict(points, details=details)
        scored = {part: self._scorer(part)(item.prompt, image) for part in item.metadata["parts"]}
        points = sum(points for points, _ in scored.values()) / len(scored)
        return Verdict(points, details={part: {"points": one, **more} for part, (one, more) in scored.items()})

    def _scorer(self, name: str) -> Callable[[str, Image.Image], Scored]:
        judges = self.judges
        return {
            "spatial": judges.spatial,
            "3d_spatial": judges.depth_order,
            "numeracy": judges.numbers,
            "non_spatial": judges.action,
            "relation": judges.spatial_in_long_prompt,
            "action": judges.action,
        }.get(name, judges.attributes)

    def image_path(self, item: Item, number: int) -> str:
        """``<category>/samples/<prompt>_<number>.png``, numbers counted through the category; see :func:`name_of`."""
        running = item.metadata["row"] * self.images_per_prompt + number
        return f"{item.task}/samples/{name_of(item.prompt)}_{running:06d}.png"

    def find_images(self, folder: Path, items: Sequence[Item], images_per_prompt: int) -> dict[str, tuple[Path, ...]]:
        """Images found by the prompts in their file names, in numerical order, as upstream reads them."""
        images_by_id = {item.id: _images(folder / item.task / "samples", item.prompt) for item in items}
        complaints = [
            f"{item.task} has {len(images_by_id[item.id])} of {images_per_prompt} images of {item.prompt!r}"
            for item in items
            if len(images_by_id[item.id]) != images_per_prompt
        ]
        check_folder_complete(folder, complaints)
        return images_by_id


def _images(samples: Path, prompt: str) -> tuple[Path, ...]:
    numbered = [
        (int(number), path)
        for path in (samples.iterdir() if samples.is_dir() else ())
        if path.suffix == ".png" and (number := path.stem.removeprefix(f"{name_of(prompt)}_")).isdecimal()
    ]
    return tuple(path for _, path in sorted(numbered))
