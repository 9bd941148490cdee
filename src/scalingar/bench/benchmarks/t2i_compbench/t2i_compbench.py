"""T2I-CompBench (Huang et al. 2023): the categories that can be scored with maintained libraries.

Attributes (color, shape, texture) are scored by BLIP-VQA, non_spatial by CLIP. The categories spatial, 3d_spatial,
numeracy and complex need UniDet, which nobody maintains; they are not offered.
"""

import math
import warnings
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
from scalingar.bench.data_files import read_lines
from scalingar.bench.file_names import file_name
from scalingar.core.errors import BenchmarkError, ConfigError

Category = Literal["color", "shape", "texture", "non_spatial"]
YesProbability = Callable[[Image.Image, list[str]], list[float]]
Similarity = Callable[[Image.Image, str], float]
MOST_QUESTIONS = 8
"""Questions about a prompt; further things that it names are ignored."""


class PromptNameWarning(UserWarning):
    """Images cannot be named after their prompt."""


class T2ICompBenchSettings(BenchmarkSettings):
    """The categories, and the weights of their judges."""

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
        """Judges may be None where no category needs them. Raises BenchmarkError."""
        self.chosen_settings = settings
        self.yes, self.chunks, self.similarity = yes, chunks, similarity
        self._items = [item for name in settings.categories for item in read_category(settings.folder, name)]

    @classmethod
    def build(cls, settings: T2ICompBenchSettings, *, device: str | torch.device, dtype: torch.dtype) -> Self:
        """Load the judges that the categories need."""
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
        """Names the categories, because their mean is no published score."""
        return f"T2I-CompBench ({', '.join(self.chosen_settings.categories)})"

    @property
    def provenance(self) -> dict[str, str]:
        """The judges."""
        judges = {"vqa": self.yes, "similarity": self.similarity}
        return {name: str(getattr(judge, "name", "given")) for name, judge in judges.items() if judge is not None}

    def items(self) -> list[Item]:
        """Category after category, in the order of the files."""
        return self._items

    def score(self, item: Item, images: Sequence[Image.Image]) -> list[Verdict]:
        """The product of the probabilities of all things that the prompt names, or the cosine of image and prompt."""
        verdict = self._compare if item.task == "non_spatial" else self._ask
        return [verdict(item, image) for image in images]

    def _ask(self, item: Item, image: Image.Image) -> Verdict:
        if self.yes is None or self.chunks is None:
            raise ConfigError(f"the category {item.task} needs a visual question answerer and noun chunks.")
        questions = [f"{thing}?" for thing in self.chunks(item.prompt)[:MOST_QUESTIONS]]
        probabilities = self.yes(image, questions)
        return Verdict(math.prod(probabilities), details=dict(zip(questions, probabilities, strict=True)))

    def _compare(self, item: Item, image: Image.Image) -> Verdict:
        if self.similarity is None:
            raise ConfigError(f"the category {item.task} needs an image-text similarity.")
        return Verdict(self.similarity(image, item.prompt))

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


def name_of(prompt: str) -> str:
    """The prompt, as a file of that name can be called; the official scripts read it back from there."""
    return file_name(prompt, room=len("_000000.png"))


def _images(samples: Path, prompt: str) -> tuple[Path, ...]:
    numbered = [
        (int(number), path)
        for path in (samples.iterdir() if samples.is_dir() else ())
        if path.suffix == ".png" and (number := path.stem.removeprefix(f"{name_of(prompt)}_")).isdecimal()
    ]
    return tuple(path for _, path in sorted(numbered))


def read_category(folder: Path, category: str) -> list[Item]:
    """Lines of ``<category>_val.txt``. Raises BenchmarkError."""
    path = folder / f"{category}_val.txt"
    prompts = [line.strip() for _, line in read_lines(path, "set folder to T2I-CompBench's examples/dataset")]
    if len(set(prompts)) != len(prompts) or not prompts:
        raise BenchmarkError(f"{path} holds no prompts or one twice; copy it again.")
    if renamed := [prompt for prompt in prompts if name_of(prompt) != prompt]:
        warnings.warn(
            f"{len(renamed)} prompts of {category} are no names of files; the images of {renamed[0]!r} are called "
            f"{name_of(renamed[0])!r}, which the official scripts take for the prompt",
            PromptNameWarning,
            stacklevel=2,
        )
    return [Item(f"{category}/{row:04d}", prompt, category, {"row": row}) for row, prompt in enumerate(prompts)]
