"""Images of the generator, without the generator."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.training.kills import killed_while_writing
from training.world import generated as module
from training.world.generated import generated


class Recorder:
    """A pipeline that draws grey, and keeps the seeds of each call."""

    def __init__(self) -> None:
        self.hashes = {"transformer": "0" * 64}
        self.calls: list[list[int]] = []

    def __call__(self, prompts: list[str], *, num_images_per_prompt: int, seed: Any, strategy: str) -> Any:
        repeats = range(num_images_per_prompt)
        seeds = [seed + number for _ in prompts for number in repeats] if isinstance(seed, int) else seed
        self.calls.append(seeds)
        return SimpleNamespace(images=[Image.new("RGB", (2, 2), "grey")] * len(seeds))


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(module, "ImagePipeline", SimpleNamespace(from_pretrained=lambda model: recorder))
    return recorder


@pytest.mark.parametrize("images", [1, 8, 32])
def test_every_image_has_noise_of_its_own_and_is_drawn_once(pipe: Recorder, tmp_path: Path, images: int) -> None:
    drawn = generated(tmp_path, "embedded", 2, images, 0)
    seeds = [seed for call in pipe.calls for seed in call]
    assert len(set(seeds)) == len(seeds) == len(drawn) == 12 * images
    calls = len(pipe.calls)
    again = generated(tmp_path, "embedded", 2, images, 0)
    assert len(pipe.calls) == calls
    assert [metadata for metadata, _ in again] == [metadata for metadata, _ in drawn]


def test_half_a_file_is_not_taken_for_images(pipe: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(np, "savez_compressed", killed_while_writing)
        with pytest.raises(KeyboardInterrupt):
            generated(tmp_path, "embedded", 1, 1, 0)
    assert len(generated(tmp_path, "embedded", 1, 1, 0)) == 6
