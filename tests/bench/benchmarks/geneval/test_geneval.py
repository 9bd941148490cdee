"""GenEval from folders of images to figures, with a detector that recites."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from scalingar.bench.benchmark import BENCHMARKS, Judged, check_judged
from scalingar.bench.benchmarks.geneval.geneval import GenEval, GenEvalSettings
from scalingar.bench.benchmarks.geneval.layout import read_layout
from scalingar.bench.benchmarks.geneval.prompts import official_prompts
from scalingar.bench.build_benchmark import build_benchmark
from scalingar.bench.judges import pretrained
from scalingar.bench.judges.detectors import COLOR_CLASSIFIERS, ColorClassifier, Detection
from scalingar.core.errors import BenchmarkError, ConfigError, WeightsError
from scalingar.rewards import eyes
from tests.bench.benchmarks.geneval.official_summary import summarize

ASKED = [official_prompts()[0], official_prompts()[180], official_prompts()[259]]
BENCH = Detection("bench", (0, 0, 10, 10), 0.95)
HYDRANT = Detection("fire hydrant", (0, 0, 10, 10), 0.95, "blue")


class Reciting:
    """Says what it was told to, image after image."""

    name, version, label = "reciting", "1", "GenEval (recited)"

    def __init__(self, *images: list[Detection]) -> None:
        self.images = iter(images)

    def __call__(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        return [next(self.images) for _ in images]


def picture() -> Image.Image:
    return Image.new("RGB", (12, 12))


def run(benchmark: GenEval, images: int) -> list[Judged]:
    return [
        Judged(item, number, verdict)
        for item in benchmark.items()
        for number, verdict in enumerate(benchmark.score(item, [picture()] * images))
    ]


def test_from_images_to_figures() -> None:
    asked = [ASKED[0], ASKED[2]]
    benchmark = GenEval(Reciting([BENCH], [], [HYDRANT], [HYDRANT]), prompts=asked)
    judged = run(benchmark, 2)
    check_judged(benchmark.items(), judged, 2)
    assert [one.verdict.correct for one in judged] == [True, False, True, True]
    assert judged[1].verdict.reason == "expected bench>=1, found 0"
    summary = benchmark.summary(judged)
    assert summary.label == "GenEval (recited)"
    assert {task: one.value for task, one in summary.tasks.items()} == {"single_object": 0.5, "colors": 1.0}
    assert summary.overall.value == 0.75
    assert summary.further == {"correct_images": 0.75, "correct_prompts": 1.0}
    official = summarize([benchmark.official_line(one, f"{one.number}.png") for one in judged])
    assert (official.overall, official.correct_images, official.correct_prompts) == (0.75, 0.75, 1.0)


def test_counting_looks_at_sure_detections_only() -> None:
    clock = Detection("clock", (0, 0, 10, 10), 0.85)
    sure = [Detection("clock", (x, 0, x + 5, 5), 0.95) for x in (0.0, 20.0)]
    counting = official_prompts()[179]
    judged = run(GenEval(Reciting([*sure, clock]), prompts=[counting]), 1)
    assert judged[0].verdict.correct
    assert list(judged[0].verdict.details["boxes"]) == ["clock"]
    assert len(judged[0].verdict.details["boxes"]["clock"]) == 2


def test_colours_from_a_classifier_or_from_nobody() -> None:
    class Green:
        name = "green"

        def __call__(self, image: Image.Image, detection: Detection) -> str:
            return "green"

    asked = [ASKED[2]]
    judged = run(GenEval(Reciting([HYDRANT]), colors=Green(), prompts=asked), 1)
    assert judged[0].verdict.reason == "expected blue fire hydrant>=1, found 0 blue; and 1 green"
    colourless = Detection("fire hydrant", (0, 0, 10, 10), 0.95)
    with pytest.raises(ConfigError, match="reciting names no colours"):
        run(GenEval(Reciting([colourless]), prompts=asked), 1)


# --- folders -----------------------------------------------------------------------------------


def write(folder: Path, benchmark: GenEval, images: int) -> None:
    for item in benchmark.items():
        for name, text in benchmark.side_files(item).items():
            (folder / name).parent.mkdir(parents=True)
            (folder / name).write_text(text)
        for number in range(images):
            path = folder / benchmark.image_path(item, number)
            path.parent.mkdir(exist_ok=True)
            picture().save(path)


@pytest.fixture
def benchmark() -> GenEval:
    return GenEval(Reciting(), prompts=ASKED)


def test_what_a_drawn_picture_would_show_too_late_is_told_before(benchmark: GenEval) -> None:
    class Nameless(Reciting):
        names_colors = False

    class OnDisk(Reciting):
        def __call__(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
            raise BenchmarkError("an image without a file name has no detections.")

    class WithoutWeights:
        name = "clip"

        def __call__(self, image: Image.Image, detection: Detection) -> str:
            assert detection.mask is not None
            assert detection.mask.shape == (image.height, image.width)
            raise WeightsError("no weights of clip are here.")

    class Maskless(Reciting):
        gives_masks = False

    class NeedsMasks(WithoutWeights):
        needs_masks = True

    GenEval(Reciting([])).prepare()
    with pytest.raises(ConfigError, match="the detector reciting gives no masks, without which the colour classifier"):
        GenEval(Maskless([]), colors=NeedsMasks()).prepare()
    with pytest.raises(WeightsError, match="no weights of clip"):
        GenEval(Nameless([]), colors=WithoutWeights()).prepare()
    with pytest.raises(ConfigError, match="the detector reciting names no colours; choose a colour classifier"):
        GenEval(Nameless([])).prepare()
    with pytest.raises(BenchmarkError, match="without a file name"):
        GenEval(OnDisk()).prepare()


def test_the_official_layout_goes_out_and_in(benchmark: GenEval, tmp_path: Path) -> None:
    write(tmp_path, benchmark, 4)
    (tmp_path / "00001" / "grid.png").touch()
    (tmp_path / "00001" / "samples" / "notes.txt").touch()
    (tmp_path / "results").mkdir()
    assert json.loads((tmp_path / "00001" / "metadata.jsonl").read_text()) == ASKED[1].to_dict()
    found = benchmark.find_images(tmp_path, benchmark.items(), 4)
    assert [path.name for path in found["00001"]] == ["0000.png", "0001.png", "0002.png", "0003.png"]
    assert list(benchmark.find_images(tmp_path, benchmark.items()[:1], 4)) == ["00000"]


def test_the_names_of_upstreams_script_are_accepted(benchmark: GenEval, tmp_path: Path) -> None:
    write(tmp_path, benchmark, 1)
    (tmp_path / "00002" / "samples" / "0000.png").rename(tmp_path / "00002" / "samples" / "00000.png")
    (tmp_path / "00001" / "samples" / "0000.png").rename(tmp_path / "00001" / "samples" / "00000.jpg")
    found = benchmark.find_images(tmp_path, benchmark.items(), 1)
    assert [found[key][0].name for key in found] == ["0000.png", "00000.jpg", "00000.png"]


def test_incomplete_folders_are_not_scored(benchmark: GenEval, tmp_path: Path) -> None:
    write(tmp_path, benchmark, 4)
    (tmp_path / "00000" / "samples" / "0003.png").unlink()
    (tmp_path / "00001" / "metadata.jsonl").write_text(json.dumps(ASKED[0].to_dict()))
    (tmp_path / "00002").rename(tmp_path / "two")
    with pytest.raises(BenchmarkError) as caught:
        benchmark.find_images(tmp_path, benchmark.items(), 4)
    assert str(caught.value) == (
        f"{tmp_path} is not complete: 00000 has 3 of 4 images; 00001 is of 'a photo of a bench', expected "
        f"{ASKED[1].prompt!r}; 00002 is missing. Nothing was scored."
    )


def test_long_lists_of_complaints_are_cut(tmp_path: Path) -> None:
    benchmark = GenEval(Reciting())
    (tmp_path / "00000").mkdir()
    (tmp_path / "00000" / "metadata.jsonl").write_text(json.dumps(ASKED[0].to_dict()))
    with pytest.raises(BenchmarkError, match=r"00000 has 0 of 4 images; 00001 is missing; .*; and 548 more\. Nothing"):
        benchmark.find_images(tmp_path, benchmark.items(), 4)


def test_folders_that_are_none(benchmark: GenEval, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="is no folder"):
        read_layout(tmp_path / "none")
    with pytest.raises(BenchmarkError, match="holds no numbered folders such as 00000"):
        read_layout(tmp_path)
    (tmp_path / "00000").mkdir()
    with pytest.raises(BenchmarkError, match=r"cannot read .*metadata\.jsonl: .*; write the folder again"):
        read_layout(tmp_path)
    (tmp_path / "00000" / "metadata.jsonl").write_text("{}")
    with pytest.raises(BenchmarkError, match=r"metadata\.jsonl: tag is missing"):
        read_layout(tmp_path)


def test_two_folders_of_one_number(benchmark: GenEval, tmp_path: Path) -> None:
    write(tmp_path, benchmark, 1)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "metadata.jsonl").write_text(json.dumps(ASKED[1].to_dict()))
    with pytest.raises(BenchmarkError, match="two folders are numbered 1"):
        benchmark.find_images(tmp_path, benchmark.items(), 1)


# --- by name -----------------------------------------------------------------------------------


def test_built_by_name_with_precomputed_detections(tmp_path: Path) -> None:
    lines = [
        {"filename": "x/00000/samples/0000.png", "detections": [{"class": "bench", "box": [0, 0, 9, 9], "score": 1}]}
    ]
    (tmp_path / "found.jsonl").write_text("\n".join(map(json.dumps, lines)))
    settings = GenEvalSettings(detector="precomputed", detector_source=str(tmp_path / "found.jsonl"), colors="detector")
    built = BENCHMARKS["geneval"].build(settings, device="cpu", dtype=torch.float32)
    item = built.items()[0]
    path = tmp_path / built.image_path(item, 0)
    path.parent.mkdir(parents=True)
    picture().save(path)
    assert built.score(item, [Image.open(path)])[0].correct
    assert built.label == "GenEval (precomputed detections)"
    assert built.provenance["prompts"] == "official"
    assert built.images_per_prompt == 4
    assert len(built.items()) == 553


def test_colours_are_the_detectors_where_it_names_them_and_else_clips(tmp_path: Path) -> None:
    class Clip:
        name = "clip"

        def __call__(self, image: Image.Image, detection: Detection) -> str:
            return "red"

    asked: list[str | Path | None] = []

    def clip(source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> ColorClassifier:
        asked.append(source)
        return Clip()

    def built(**settings: str) -> str:
        return build_benchmark("geneval", settings).provenance["colors"]

    with COLOR_CLASSIFIERS.temporarily("clip", clip):
        with pytest.raises(ConfigError, match="the detector precomputed needs its file"):
            built(detector="precomputed")
        assert not asked, "what lacks in the detector is told before anything of the classifier is fetched"
        assert built(detector="embedded") == built(detector="embedded", colors="detector") == "detector"
        assert built(detector="embedded", colors_source="mine") == "clip"
        for color, judge in ("red", "detector"), (None, "clip"):
            found = {"class": "bench", "box": [0, 0, 9, 9], "score": 1, "color": color}
            line = {"filename": "00000/samples/0000.png", "detections": [found]}
            (tmp_path / "found.jsonl").write_text(json.dumps(line))
            assert built(detector="precomputed", detector_source=str(tmp_path / "found.jsonl")) == judge
    assert asked == ["mine", None]


@pytest.mark.parametrize("source", [None, "my/clip"])
def test_a_reward_of_the_same_clip_may_not_choose(source: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge of colours is by default of the same weights as the reward clip-score."""
    activation = SimpleNamespace(hidden_act="quick_gelu", image_size=32)
    network = SimpleNamespace(config=SimpleNamespace(text_config=activation, vision_config=activation))
    monkeypatch.setattr(pretrained, "load_network", lambda *_, **__: network)
    monkeypatch.setattr(pretrained, "load_text_tokenizer", lambda _: SimpleNamespace())
    colors = COLOR_CLASSIFIERS["clip"](source, device="cpu", dtype=torch.float32)
    graders = GenEval(Reciting(), colors=colors).graders
    model = source or "openai/clip-vit-large-patch14"
    assert graders == {f"the model {model}"}
    assert bool(graders & eyes("clip-score")) == (source is None)
    assert bool(graders & eyes("rank-sum:clip-score,pmi")) == (source is None)
    assert graders & eyes(f"clip-score:{model}")
    assert not graders & (eyes("pick-score") | eyes("embedded"))
