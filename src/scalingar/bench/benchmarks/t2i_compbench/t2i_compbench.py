"""T2I-CompBench (Huang et al. 2023): the categories that maintained libraries can score.

Attributes (color, shape, texture) by BLIP-VQA and non_spatial by CLIP. The categories spatial, 3d_spatial, numeracy and
complex need UniDet, which has no maintained home; they are not offered.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import torch
from PIL import Image
from pydantic import Field

from scalingar.bench.benchmark import BENCHMARKS, Benchmark, BenchmarkSettings, Item, Verdict, check_folder_complete
from scalingar.bench.benchmarks.t2i_compbench.blip_vqa import BlipVQA
from scalingar.bench.benchmarks.t2i_compbench.clip_similarity import ClipSimilarity
from scalingar.bench.benchmarks.t2i_compbench.noun_chunks import NounChunks, spacy_chunks
from scalingar.core.errors import BenchmarkError, ConfigError

Category = Literal["color", "shape", "texture", "non_spatial"]
YesProbability = Callable[[Image.Image, list[str]], list[float]]
Similarity = Callable[[Image.Image, str], float]
MOST_QUESTIONS = 8
"""Things of a prompt that are asked about."""


class T2ICompBenchSettings(BenchmarkSettings):
    """Which categories, and the weights of their judges."""

    folder: Path = Field(description="the examples/dataset folder of the T2I-CompBench repository")
    categories: tuple[Category, ...] = Field(("color", "shape", "texture"), min_length=1)
    vqa_source: str | None = Field(None, description="BLIP-VQA weights: a folder or hub name")
    clip_source: str | None = Field(None, description="CLIP ViT-B/32 weights: a folder or hub name")


@BENCHMARKS.register("t2i-compbench")
class T2ICompBench(Benchmark):
    """Attributes of objects by visual question answering, actions by CLIP; 300 prompts a category."""

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
    ) -> None:
        """Only what the categories need must be given. Raises BenchmarkError."""
        self.chosen = settings
        self.yes, self.chunks, self.similarity = yes, chunks, similarity
        self._items = [item for name in settings.categories for item in read_category(settings.folder, name)]

    @classmethod
    def build(cls, settings: T2ICompBenchSettings, *, device: str | torch.device, dtype: torch.dtype) -> Self:
        """Load the judges the categories need."""
        asks = set(settings.categories) != {"non_spatial"}
        compares = "non_spatial" in settings.categories
        return cls(
            settings,
            chunks=spacy_chunks() if asks else None,
            yes=BlipVQA.load(settings.vqa_source, device=device, dtype=dtype) if asks else None,
            similarity=ClipSimilarity.load(settings.clip_source, device=device, dtype=dtype) if compares else None,
        )

    @property
    def label(self) -> str:
        """With its categories: the mean over them is no published figure."""
        return f"T2I-CompBench ({', '.join(self.chosen.categories)})"

    @property
    def provenance(self) -> dict[str, str]:
        """The judges."""
        judges = {"vqa": self.yes, "similarity": self.similarity}
        return {name: str(getattr(judge, "name", "given")) for name, judge in judges.items() if judge is not None}

    def items(self) -> list[Item]:
        """Category after category, in the order of the files."""
        return self._items

    def score(self, item: Item, images: Sequence[Image.Image]) -> list[Verdict]:
        """Product of the probabilities of each thing, or the cosine of image and prompt."""
        verdict = self._similar if item.task == "non_spatial" else self._shown
        return [verdict(item, image) for image in images]

    def _shown(self, item: Item, image: Image.Image) -> Verdict:
        if self.yes is None or self.chunks is None:
            raise ConfigError(f"the category {item.task} needs a visual question answerer and noun chunks.")
        questions = [f"{thing}?" for thing in self.chunks(item.prompt)[:MOST_QUESTIONS]]
        probabilities = self.yes(image, questions)
        return Verdict(math.prod(probabilities), details=dict(zip(questions, probabilities, strict=True)))

    def _similar(self, item: Item, image: Image.Image) -> Verdict:
        if self.similarity is None:
            raise ConfigError(f"the category {item.task} needs an image-text similarity.")
        return Verdict(self.similarity(image, item.prompt))

    def image_path(self, item: Item, number: int) -> str:
        """``<category>/samples/<prompt>_<number>.png``, numbers counted through the category."""
        running = item.metadata["row"] * self.images_per_prompt + number
        return f"{item.task}/samples/{item.prompt}_{running:06d}.png"

    def find_images(self, folder: Path, items: Sequence[Item], images_per_prompt: int) -> dict[str, tuple[Path, ...]]:
        """By the prompts in the file names, in the order of their numbers, as upstream reads them."""
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
        if path.suffix == ".png" and (number := path.stem.removeprefix(f"{prompt}_")).isdecimal()
    ]
    return tuple(path for _, path in sorted(numbered))


def read_category(folder: Path, category: str) -> list[Item]:
    """Lines of ``<category>_val.txt``. Raises BenchmarkError."""
    path = folder.expanduser() / f"{category}_val.txt"
    try:
        prompts = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise BenchmarkError(f"cannot read {path}; set folder to T2I-CompBench's examples/dataset.") from None
    if len(set(prompts)) != len(prompts) or not prompts:
        raise BenchmarkError(f"{path} holds no prompts or one twice; copy it again.")
    return [Item(f"{category}/{row:04d}", prompt, category, {"row": row}) for row, prompt in enumerate(prompts)]
