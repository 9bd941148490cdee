"""T2I-CompBench with judges that recite, and its two judges on tiny networks."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import BlipConfig, BlipForQuestionAnswering

from scalingar.bench.benchmark import Judged
from scalingar.bench.benchmarks.t2i_compbench import blip_vqa
from scalingar.bench.benchmarks.t2i_compbench.blip_vqa import BlipVQA
from scalingar.bench.benchmarks.t2i_compbench.clip_similarity import ClipSimilarity
from scalingar.bench.benchmarks.t2i_compbench.depth import DepthMaps
from scalingar.bench.benchmarks.t2i_compbench.noun_chunks import spacy_pipeline, things
from scalingar.bench.benchmarks.t2i_compbench.t2i_compbench import T2ICompBench, T2ICompBenchSettings
from scalingar.bench.judges.detectors import Detection
from scalingar.core.errors import BenchmarkError, ConfigError, PackageError, WeightsError
from tests.bench.judges.detectors.test_clip_colors import tiny as tiny_clip

PICTURE = Image.new("RGB", (40, 30), (200, 0, 0))


@pytest.fixture
def settings(tmp_path: Path) -> T2ICompBenchSettings:
    (tmp_path / "color_val.txt").write_text("a red book and a vase\na blue cup\n")
    (tmp_path / "non_spatial_val.txt").write_text("a man reads\n")
    return T2ICompBenchSettings(folder=tmp_path, categories=("color", "non_spatial"))


def probabilities(image: Image.Image, questions: list[str]) -> list[float]:
    return [{"a red book?": 0.5, "a vase?": 0.4}.get(question, 0.9) for question in questions]


def test_a_run(settings: T2ICompBenchSettings) -> None:
    benchmark = T2ICompBench(
        settings, yes=probabilities, chunks=lambda prompt: prompt.split(" and "), similarity=lambda image, text: 0.3
    )
    judged = [
        Judged(item, n, v) for item in benchmark.items() for n, v in enumerate(benchmark.score(item, [PICTURE] * 2))
    ]
    assert judged[0].verdict.points == pytest.approx(0.2)
    assert judged[0].verdict.details == {"a red book?": 0.5, "a vase?": 0.4}
    summary = benchmark.summary(judged)
    assert summary.tasks["color"].value == pytest.approx(0.55)
    assert summary.tasks["non_spatial"].value == pytest.approx(0.3)
    assert summary.label == "T2I-CompBench (color, non_spatial)"


def test_at_most_eight_things_are_asked_about(settings: T2ICompBenchSettings) -> None:
    asked: list[str] = []

    def yes(image: Image.Image, questions: list[str]) -> list[float]:
        asked.extend(questions)
        return [1.0] * len(questions)

    benchmark = T2ICompBench(settings, yes=yes, chunks=lambda _: [str(n) for n in range(12)])
    assert benchmark.score(benchmark.items()[0], [PICTURE])[0].points == 1
    assert asked == [f"{n}?" for n in range(8)]


def test_judges_that_are_missing(settings: T2ICompBenchSettings) -> None:
    benchmark = T2ICompBench(settings)
    for place, need in ((0, "visual question answerer"), (2, "image-text similarity")):
        with pytest.raises(ConfigError, match=need):
            benchmark.score(benchmark.items()[place], [PICTURE])


def test_judges_are_tried_before_images_are_drawn(settings: T2ICompBenchSettings) -> None:
    """What would be missing at the first drawn picture is told; the data are read without any judge."""
    benchmark = T2ICompBench.build(settings, device="cpu", dtype=torch.float32)
    assert [item.prompt for item in benchmark.items()] == ["a red book and a vase", "a blue cup", "a man reads"]
    assert benchmark.label == "T2I-CompBench (color, non_spatial)"
    assert benchmark.graders == {
        "the model Salesforce/blip-vqa-capfilt-large",
        "the model openai/clip-vit-base-patch32",
    }
    asked: list[str] = []

    def asking(name: str, answer: Any) -> Any:
        def ask(*_: Any) -> Any:
            asked.append(name)
            return answer

        return ask

    tried = T2ICompBench(
        settings,
        yes=asking("yes", [1.0]),
        chunks=asking("chunks", ["a dog"]),
        similarity=asking("similarity", 0.0),
        parse=asking("parse", None),
        objects=Finding(asked),
        depth=DepthMaps(settings.folder),
    )
    with pytest.raises(BenchmarkError, match="without a file name has no precomputed depth"):
        tried.prepare()
    assert asked == ["parse", "chunks", "yes", "similarity", "objects"]


class Finding:
    """Finds nothing, and says that it was asked."""

    name = "finding"

    def __init__(self, asked: list[str]) -> None:
        self.asked = asked

    def __call__(self, image: Image.Image, names: Sequence[str]) -> list[Detection]:
        self.asked.append("objects")
        return []


def test_the_label_needs_no_weights(settings: T2ICompBenchSettings, tmp_path: Path) -> None:
    (tmp_path / "spatial_val.txt").write_text("a dog left of a cat\n")
    (tmp_path / "weights").mkdir()
    for source in (None, "/gone/owl", str(tmp_path / "weights")):
        chosen = T2ICompBenchSettings(folder=tmp_path, categories=("spatial",), objects_source=source)
        benchmark = T2ICompBench.build(chosen, device="cpu", dtype=torch.float32)
        assert benchmark.label == "T2I-CompBench (spatial; objects by owlv2, not UniDet)"
    assert benchmark.provenance["objects"].startswith("owlv2 sha256:")


def test_a_judge_that_is_not_there_is_told_by_name(
    settings: T2ICompBenchSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(PackageError, match="needs spacy, which is not installed"):
        T2ICompBench.build(settings, device="cpu", dtype=torch.float32).prepare()
    alone = T2ICompBenchSettings(folder=settings.folder, categories=("non_spatial",), clip_source=str(tmp_path))
    with pytest.raises(WeightsError, match=r"config\.json"):
        T2ICompBench.build(alone, device="cpu", dtype=torch.float32).prepare()


def test_the_official_layout(settings: T2ICompBenchSettings, tmp_path: Path) -> None:
    benchmark = T2ICompBench(settings)
    item = benchmark.items()[1]
    for number in range(10):
        path = tmp_path / benchmark.image_path(item, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = benchmark.find_images(tmp_path, [item], 10)[item.id]
    assert [path.name for path in found[:2]] == ["a blue cup_000010.png", "a blue cup_000011.png"]
    with pytest.raises(BenchmarkError, match="color has 0 of 10 images of 'a red book and a vase'"):
        benchmark.find_images(tmp_path, benchmark.items(), 10)


def test_data_that_is_missing(settings: T2ICompBenchSettings, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"cannot read .*texture_val\.txt"):
        T2ICompBench(T2ICompBenchSettings(folder=tmp_path, categories=("texture",)))
    (tmp_path / "shape_val.txt").write_text("a\na\n")
    with pytest.raises(BenchmarkError, match="one twice"):
        T2ICompBench(T2ICompBenchSettings(folder=tmp_path, categories=("shape",)))


def test_places_are_no_things(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = [SimpleNamespace(text=text) for text in ("a red book", "the left", "a vase")]
    assert things(SimpleNamespace(noun_chunks=chunks)) == ["a red book", "a vase"]
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(PackageError, match="needs spacy, which is not installed"):
        spacy_pipeline()


# --- BLIP and CLIP -----------------------------------------------------------------------------


class Letters:
    """A tokenizer that reads letters and begins with [CLS]."""

    def __call__(self, text: str, *, truncation: bool, max_length: int, return_tensors: str) -> dict[str, Any]:
        return {"input_ids": torch.tensor([[101, *map(ord, text)][:max_length]])}


def tiny_blip() -> Any:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**sizes, "vocab_size": 30524, "encoder_hidden_size": 16, "projection_dim": 8}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BlipConfig(
            text_config=text, vision_config={**sizes, "image_size": 32, "patch_size": 16}, projection_dim=8
        )
        network = BlipForQuestionAnswering(config).eval()
        with torch.no_grad():
            for weight in network.parameters():
                weight.normal_(0, 0.3)
    return network


def test_blip_is_asked_as_upstream_asks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number from the library's own sampling of the first token, given the question with [ENC]."""
    monkeypatch.setattr(blip_vqa, "SIDE", 48)
    network = tiny_blip()
    seen: list[Sequence[int]] = []
    network.text_encoder.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["input_ids"][0].tolist()), with_kwargs=True
    )
    judge = BlipVQA("tiny")
    judge.network, judge.tokenizer = network, Letters()
    (yes,) = judge(PICTURE, ["a red book?"])
    assert seen[0] == [30523, *map(ord, "a red book?")]
    pixels = blip_vqa.normalised([PICTURE.resize((48, 48), Image.Resampling.BICUBIC)])
    drawn = network.generate(
        torch.tensor(seen), pixels, interpolate_pos_encoding=True, max_new_tokens=1, output_logits=True,
        return_dict_in_generate=True,
    )  # fmt: skip
    logits = drawn.logits[0][0]
    assert yes == pytest.approx(float(logits[[2748, 2053]].softmax(0)[0]), abs=1e-5)
    assert judge(PICTURE, ["x" * 99])[0] != yes
    assert len(seen[-1]) == 35


def test_clip_similarity_is_a_cosine() -> None:
    network = tiny_clip()

    class Ending(Letters):
        def __call__(self, text: str, **settings: Any) -> dict[str, Any]:
            ids = super().__call__(text, **settings)["input_ids"]
            return {"input_ids": torch.cat([ids, torch.tensor([[299]])], 1)}

    similarity = ClipSimilarity("tiny")
    similarity.network, similarity.tokenizer = network, Ending()
    value = similarity(PICTURE, "a man reads")
    assert -1 <= value <= 1
    assert similarity(PICTURE, "a dog") != value
