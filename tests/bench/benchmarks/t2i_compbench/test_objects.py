"""Objects by OWLv2 on a tiny network, and by detectors with names of their own; depth by DPT and from files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import DPTConfig, DPTForDepthEstimation, Owlv2Config, Owlv2ForObjectDetection

from scalingar.bench.benchmarks.t2i_compbench.depth import DepthMaps, DPTDepth, load_depth
from scalingar.bench.benchmarks.t2i_compbench.objects import (
    Detected,
    Owlv2,
    confident,
    corners,
    load_objects,
    square,
)
from scalingar.bench.judges.detectors import Detection
from scalingar.core.errors import BenchmarkError, ConfigError

PICTURE = Image.linear_gradient("L").resize((60, 40)).convert("RGB")
BOX = (0.0, 0.0, 10.0, 10.0)


class Letters:
    """A tokenizer of letters between [start] and [end], padded on the right."""

    def __call__(self, texts: list[str], *, padding_side: str, max_length: int, **_: Any) -> dict[str, torch.Tensor]:
        assert padding_side == "right"
        rows = [[98, *(ord(letter) % 90 + 1 for letter in text), 99][-max_length:] for text in texts]
        longest = max(map(len, rows))
        return {
            "input_ids": torch.tensor([row + [0] * (longest - len(row)) for row in rows]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows]),
        }


def tiny_owlv2() -> Owlv2ForObjectDetection:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = Owlv2Config(
            text_config={**sizes, "vocab_size": 100, "max_position_embeddings": 16, "eos_token_id": 99},
            vision_config={**sizes, "image_size": 32, "patch_size": 16},
            projection_dim=16,
        )
        return Owlv2ForObjectDetection(config).eval()


def test_owlv2_looks_for_the_names() -> None:
    finder = Owlv2("tiny")
    finder.network, finder.tokenizer = tiny_owlv2(), Letters()
    finder.threshold = 0.0
    found = finder(PICTURE, ["dog", "hot dog", "dog"])
    assert {thing.name for thing in found} == {"dog", "hot dog"}
    assert [thing.score for thing in found] == sorted((thing.score for thing in found), reverse=True)
    for thing in found:
        left, top, right, bottom = thing.box
        assert 0 <= left <= right <= 60
        assert 0 <= top <= bottom <= 40
    alone = finder(PICTURE, ["dog"])
    together = [thing for thing in found if thing.name == "dog"]
    assert [thing.score for thing in alone] == pytest.approx([thing.score for thing in together], abs=1e-5)
    assert finder(PICTURE, []) == []
    finder.threshold = 1.0
    assert finder(PICTURE, ["dog"]) == []


def test_images_become_squares_and_boxes_come_back() -> None:
    pixels = square(Image.new("RGB", (60, 30), (255, 255, 255)), 32)
    assert pixels.shape == (1, 3, 32, 32)
    assert (pixels[0, :, :14] > pixels[0, :, 18:].max()).all()
    box = corners(torch.tensor([[0.5, 0.25, 0.5, 0.5], [0.0, 0.9, 1.0, 1.0]]), Image.new("RGB", (60, 30)))
    assert box.tolist() == [[15, 0, 45, 30], [0, pytest.approx(24), 30, 30]]


def test_repetitions_go_and_so_does_what_is_unsure() -> None:
    found = [
        Detection("dog", BOX, 0.3),
        Detection("dog", (1.0, 0.0, 11.0, 10.0), 0.6),
        Detection("cat", BOX, 0.5),
        Detection("dog", (50.0, 0.0, 60.0, 10.0), 0.4),
        Detection("dog", (80.0, 0.0, 90.0, 10.0), 0.2),
    ]
    assert [thing.score for thing in confident(found, 0.2, overlap=0.5)] == [0.6, 0.5, 0.4]
    assert [thing.score for thing in confident(found, 0.2)] == [0.6, 0.5, 0.4, 0.3]


def test_a_detector_by_its_name() -> None:
    objects = load_objects("embedded", None, None, device="cpu", dtype=torch.float32)
    assert isinstance(objects, Detected)
    assert objects.threshold == 0.5
    assert objects.name.startswith("embedded ")
    assert objects.kind == "embedded"
    assert objects(Image.new("RGB", (96, 96)), ["dog"]) == []
    with pytest.raises(ConfigError, match="did you mean 'embedded'"):
        load_objects("embeded", None, None, device="cpu", dtype=torch.float32)


def tiny_dpt() -> DPTDepth:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = DPTConfig(
            hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16, image_size=32,
            patch_size=16, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, backbone_out_indices=[0, 1, 2, 3],
        )  # fmt: skip
        depth = DPTDepth("tiny")
        depth.network = DPTForDepthEstimation(config).eval()
        return depth


def test_depth_has_the_size_of_the_image() -> None:
    values = tiny_dpt()(PICTURE)
    assert values.shape == (40, 60)
    assert values.std() > 0


def test_depth_from_files(tmp_path: Path) -> None:
    folder = tmp_path / "maps" / "3d_spatial" / "samples"
    folder.mkdir(parents=True)
    deep = Image.fromarray(np.arange(24, dtype=np.uint16).reshape(4, 6) * 2000)
    deep.save(folder / "a dog_000000.png")
    image = Image.new("RGB", (6, 4))
    maps = load_depth("precomputed", str(tmp_path / "maps"), device="cpu", dtype=torch.float32)
    with pytest.raises(BenchmarkError, match="without a file name"):
        maps(image)
    image.filename = "run/3d_spatial/samples/a dog_000000.jpg"  # type: ignore[attr-defined]
    assert maps(image)[3, 5] == 46000
    large = Image.new("RGB", (8, 4))
    large.filename = image.filename  # type: ignore[attr-defined]
    with pytest.raises(BenchmarkError, match="is 6 x 4 pixels, its image 8 x 4"):
        maps(large)
    image.filename = "run/3d_spatial/samples/a dog_000001.png"  # type: ignore[attr-defined]
    with pytest.raises(BenchmarkError, match=r"there is no depth map .*a dog_000001\.png: No such file"):
        maps(image)
    assert isinstance(maps, DepthMaps)
    assert maps.name.startswith("precomputed sha256:")
    with pytest.raises(ConfigError, match="needs its folder of maps"):
        load_depth("precomputed", None, device="cpu", dtype=torch.float32)
