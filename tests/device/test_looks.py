"""What looks at pictures, and what reads prompts, says on the device what it says on the CPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scalingar.bench.benchmarks.t2i_compbench.blip_vqa import BlipVQA
from scalingar.bench.benchmarks.t2i_compbench.clip_similarity import ClipSimilarity
from scalingar.bench.benchmarks.t2i_compbench.depth import DPTDepth
from scalingar.bench.benchmarks.t2i_compbench.objects import Owlv2
from scalingar.bench.judges.detectors import DETECTORS, Detection, mask2former
from scalingar.bench.judges.detectors.clip_colors import ClipColors
from scalingar.models.embedded.vocabulary import COLORS
from scalingar.models.prompts.t5 import T5Encoder
from scalingar.rewards import build_reward
from scalingar.rewards.features import make_feature
from tests.bench.benchmarks.t2i_compbench import test_objects as objects
from tests.bench.benchmarks.t2i_compbench import test_t2i_compbench as compbench
from tests.bench.judges.detectors import test_clip_colors as colors
from tests.bench.judges.detectors.test_mask2former import tiny as tiny_mask2former
from tests.tiny.rewards import pictures, save_tiny_clip, save_tiny_dinov2, save_tiny_image_reward
from tests.tiny.t5 import save_tiny_t5
from tests.tiny.vision_language import save_tiny_llava
from tests.upstream.world_renders import RENDERS, render

pytestmark = pytest.mark.device
IMAGES = pictures((96, 96), (96, 96))


REWARDS: dict[str, Callable[[Path], object]] = {
    "clip-score": save_tiny_clip,
    "embedded": lambda folder: None,
    "image-reward": save_tiny_image_reward,
    "vqa-score": save_tiny_llava,
}


@pytest.mark.parametrize("name", REWARDS)
def test_rewards(name: str, device: str, tmp_path: Path) -> None:
    source = REWARDS[name](tmp_path)
    full = name if source is None else f"{name}:{source}"
    here, there = (build_reward(full, device=where).score("a red dog", IMAGES) for where in ("cpu", device))  # type: ignore[attr-defined]
    assert there == pytest.approx(here, abs=1e-4)
    assert here[0] != here[1]


@pytest.mark.parametrize("name", ["dinov2", "embedded", "pixels"])
def test_features(name: str, device: str, tmp_path: Path) -> None:
    full = f"{name}:{save_tiny_dinov2(tmp_path)}" if name == "dinov2" else name
    here, there = (make_feature(full, device=where)(IMAGES) for where in ("cpu", device))
    torch.testing.assert_close(there.cpu(), here, atol=1e-4, rtol=0)


def on(judge: Any, network: Any, tokenizer: Any = None) -> Any:
    """The judge with a network of the test's, on the judge's device."""
    judge.network, judge.tokenizer = network.to(judge.device), tokenizer
    return judge


def blip(where: str) -> Any:
    return on(BlipVQA("tiny", device=where), compbench.tiny_blip(), compbench.Letters())(IMAGES[0], ["a red book?"])


def similarity(where: str) -> Any:
    return on(ClipSimilarity("tiny", device=where), colors.tiny(), Ending())(IMAGES[0], "a dog")


def depth(where: str) -> Any:
    return on(DPTDepth("tiny", device=where), objects.tiny_dpt().network)(IMAGES[0])


def owlv2(where: str) -> Any:
    judge = on(Owlv2("tiny", device=where), objects.tiny_owlv2(), objects.Letters())
    judge.threshold = 0.0
    return [thing.score for thing in judge(IMAGES[0], ["dog"])]


def color(where: str) -> Any:
    whole = Detection("dog", (0, 0, 96, 96), 1.0, mask=np.ones((96, 96), bool))
    judge = on(ClipColors("tiny", device=where), colors.tiny(), colors.Letters())
    return COLORS.index(judge(Image.new("RGB", (96, 96), (200, 0, 0)), whole))


def scenes(where: str) -> Any:
    found = DETECTORS["embedded"](None, device=where, dtype=torch.float32)([render(next(iter(RENDERS)))])[0]
    return [thing.score for thing in found]


JUDGES: dict[str, Callable[[str], Any]] = {
    "blip": blip,
    "clip": similarity,
    "colors": color,
    "dpt": depth,
    "embedded": scenes,
    "owlv2": owlv2,
}


class Ending(compbench.Letters):
    """Ends as CLIP's texts do."""

    def __call__(self, text: str, **settings: Any) -> dict[str, Any]:
        return {"input_ids": torch.cat([super().__call__(text, **settings)["input_ids"], torch.tensor([[299]])], 1)}


@pytest.mark.parametrize("name", JUDGES)
def test_judges(name: str, device: str) -> None:
    here, there = (JUDGES[name](where) for where in ("cpu", device))
    assert np.size(here) > 0
    np.testing.assert_allclose(there, here, atol=1e-4)


def test_detections(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask2former, "SHORT_SIDE", 96)
    detectors = [mask2former.Mask2FormerDetector("tiny", device=where) for where in ("cpu", device)]
    here, there = (on(detector, tiny_mask2former())(IMAGES[:1])[0] for detector in detectors)
    assert [one.name for one in there] == [one.name for one in here]
    assert [one.score for one in there] == pytest.approx([one.score for one in here], abs=1e-4)


def test_t5(device: str, tmp_path: Path) -> None:
    save_tiny_t5(tmp_path)
    here, there = (
        T5Encoder(path=tmp_path, slots=5, width=24, device=where)(["a red dog", "a cat"]) for where in ("cpu", device)
    )
    torch.testing.assert_close(there[0].cpu(), here[0], atol=1e-4, rtol=0)
    assert torch.equal(there[1].cpu(), here[1])
