"""The categories that need a detector, with judges that recite."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scalingar.bench.benchmarks.t2i_compbench.dataset import read_category, read_singulars
from scalingar.bench.benchmarks.t2i_compbench.t2i_compbench import T2ICompBench, T2ICompBenchSettings
from scalingar.bench.judges.detectors import Detection
from scalingar.core.errors import BenchmarkError, ConfigError
from tests.bench.benchmarks.t2i_compbench.documents import document

PICTURE = Image.new("RGB", (400, 200))
TAGGED = {
    "a girl on the left of a dog": "a girl/n on the left of a dog/n",
    "a dog in front of a girl": "a dog/n in front of a girl/n",
    "two dogs and a ship": "two dogs and a ship",
    "The red cup is next to the dog.": "The red cup/n is next to the dog/n .",
    "The red cup smiles": "The red cup/n smiles",
    "The red cup near a dog smiles": "The red cup/n near a dog/n smiles",
}
FOUND = [
    Detection("person", (0, 0, 100, 100), 0.8),
    Detection("dog", (300, 0, 400, 100), 0.6),
    Detection("cup", (200, 0, 250, 100), 0.7),
    Detection("boat", (0, 100, 20, 120), 0.9),
]


class Seen:
    """An open detector that finds what is there."""

    name = "seen"

    def __init__(self, found: list[Detection]) -> None:
        self.found = found
        self.asked: list[Sequence[str]] = []

    def __call__(self, image: Image.Image, names: Sequence[str]) -> list[Detection]:
        self.asked.append(names)
        return [thing for thing in self.found if any(name in thing.name for name in names)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "spatial_val": ["a girl on the left of a dog"],
        "3d_spatial_val": ["a dog in front of a girl"],
        "numeracy_val": ["two dogs and a ship"],
        "complex_val": ["The red cup is next to the dog.", "The red cup smiles", "The red cup near a dog smiles"],
        "complex_val_spatial": ["the red cup is next to the dog. It is quiet."],
        "complex_val_action": ["the red CUP smiles"],
        "new_objects": ["dog - dogs", "ship - ships"],
    }
    for name, lines in files.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def bench(folder: Path, category: str, objects: Seen, **judges: Any) -> T2ICompBench:
    settings = T2ICompBenchSettings(folder=folder, categories=(category,))
    return T2ICompBench(settings, parse=lambda prompt: document(TAGGED[prompt]), objects=objects, **judges)


def points(benchmark: T2ICompBench) -> list[float]:
    return [benchmark.score(item, [PICTURE])[0].points for item in benchmark.items()]


def test_the_names_by_which_things_are_counted_are_provenance(folder: Path) -> None:
    before = bench(folder, "numeracy", Seen(FOUND)).provenance["singulars"]
    names = folder / "new_objects.txt"
    names.write_text(names.read_text() + "ox - oxen\n")
    assert bench(folder, "numeracy", Seen(FOUND)).provenance["singulars"] != before


def test_spatial(folder: Path) -> None:
    seen = Seen(FOUND)
    benchmark = bench(folder, "spatial", seen)
    verdict = benchmark.score(benchmark.items()[0], [PICTURE])[0]
    assert verdict.points == pytest.approx(0.25 * (0.8 + 0.6) + 0.5)
    assert verdict.details["objects"][0] == {"name": "person", "box": [0, 0, 100, 100], "score": 0.8}
    assert seen.asked == [["person", "dog"]]
    assert benchmark.label == "T2I-CompBench (spatial; objects by seen, not UniDet)"
    assert benchmark.provenance == {"objects": "seen"}
    assert points(bench(folder, "spatial", Seen(FOUND[:1]))) == [0]
    swapped = [Detection("person", FOUND[1].box, 0.8), Detection("dog", FOUND[0].box, 0.6)]
    assert points(bench(folder, "spatial", Seen(swapped))) == [0]


def test_3d_spatial(folder: Path) -> None:
    """The dog is nearer, and two thirds of each box are shared."""
    found = [Detection("person", (0, 0, 90, 100), 0.8), Detection("hot dog", (30, 0, 120, 100), 0.6)]
    slope = np.tile(np.arange(400.0), (200, 1))
    assert points(bench(folder, "3d_spatial", Seen(found), depth=lambda _: slope)) == [pytest.approx(0.35 + 0.5)]
    assert points(bench(folder, "3d_spatial", Seen(found), depth=lambda _: -slope)) == [pytest.approx(0.35)]
    assert points(bench(folder, "3d_spatial", Seen(found[:1]))) == [pytest.approx(0.2)]
    assert points(bench(folder, "3d_spatial", Seen([]))) == [0]
    with pytest.raises(ConfigError, match=r"needs depth; give it"):
        points(bench(folder, "3d_spatial", Seen(found)))


def test_numeracy(folder: Path) -> None:
    seen = Seen(FOUND)
    assert points(bench(folder, "numeracy", seen)) == [0.75]
    assert seen.asked == [["dog", "boat"]]
    two = [*FOUND, Detection("dog", (0, 0, 50, 50), 0.5)]
    assert points(bench(folder, "numeracy", Seen(two))) == [1]
    (folder / "new_objects.txt").write_text("cat - cats\n")
    with pytest.raises(BenchmarkError, match="'two dogs and a ship' has no number of a thing in new_objects"):
        points(bench(folder, "numeracy", seen))


def test_complex_prompts_have_the_parts_that_the_lists_say(folder: Path) -> None:
    items = read_category(folder, "complex")
    assert [item.metadata["parts"] for item in items] == [
        ("attributes", "relation"), ("attributes", "action"), ("attributes", "relation", "action"),
    ]  # fmt: skip
    benchmark = bench(
        folder,
        "complex",
        Seen(FOUND),
        yes=lambda image, questions: [0.4],
        chunks=lambda prompt: ["the red cup"],
        similarity=lambda image, prompt: 0.3,
    )
    relation = 0.25 * (0.7 + 0.6) + 0.5
    assert points(benchmark) == pytest.approx([(0.4 + relation) / 2, (0.4 + 0.3) / 2, (0.4 + 0.3 + relation) / 3])
    assert benchmark.score(benchmark.items()[1], [PICTURE])[0].details["action"] == {"points": 0.3}


def test_files_that_are_wrong(folder: Path) -> None:
    (folder / "new_objects.txt").write_text("dog - dogs\nship\n")
    with pytest.raises(BenchmarkError, match=r"line 2 is not of the form 'book - books'"):
        read_singulars(folder)
    (folder / "complex_val_action.txt").unlink()
    with pytest.raises(BenchmarkError, match=r"cannot read .*complex_val_action\.txt"):
        read_category(folder, "complex")


def test_settings() -> None:
    settings = T2ICompBenchSettings
    assert settings.model_validate({"folder": "x", "categories": ["3d_spatial"]}).depth == "dpt"
    with pytest.raises(ValueError, match="3d_spatial"):
        settings.model_validate({"folder": "x", "categories": ["3d-spatial"]})
    for wrong in ([], ["color", "color"]):
        with pytest.raises(ValueError, match="at least one category, and none twice"):
            settings.model_validate({"folder": "x", "categories": wrong})
