"""A vision-language model of transformers as a reward, on random weights."""

import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoProcessor, Idefics3ForConditionalGeneration, LlavaForConditionalGeneration

from scalingar.core.errors import ConfigError, PackageError, WeightsError
from scalingar.rewards import VQAScore, check_reward
from tests.tiny.rewards import pictures, save_tiny_clip
from tests.tiny.vision_language import TEMPLATE, WORDS, save_tiny_idefics, save_tiny_llava


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llava(tmp_path_factory.mktemp("llava"))


def test_equal_to_the_softmax_of_the_last_logits(folder: Path) -> None:
    """Restated on the text and the pixels, without the chat template."""
    network, processor = LlavaForConditionalGeneration.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    images = pictures((20, 20), (30, 18))
    expected = []
    for image in images:
        text = 'USER: <image> Does this picture show "a dog"? Answer yes or no. ASSISTANT:'
        with torch.no_grad():
            logits = network(**processor(images=image, text=text, return_tensors="pt")).logits[0, -1]
        chances = logits.softmax(-1)
        yes, no = (sum(chances[WORDS.index(word)] for word in words) for words in (("Yes", "yes"), ("No", "no")))
        expected.append(float(yes / (yes + no)))
    assert VQAScore(str(folder)).score("a dog", images) == pytest.approx(expected, abs=1e-6)
    assert expected[0] != pytest.approx(expected[1], abs=1e-5)


def test_another_architecture_is_asked_in_its_own_form(tmp_path: Path) -> None:
    """Idefics3, as SmolVLM: pictures in lists, marks around their tokens."""
    folder = save_tiny_idefics(tmp_path)
    network, processor = Idefics3ForConditionalGeneration.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    images = pictures((56, 56), (56, 56), (30, 18))
    expected = []
    for image in images:
        text = 'USER: <image> Does this picture show "a dog"? Answer yes or no. ASSISTANT:'
        with torch.no_grad():
            chances = network(**processor(images=[[image]], text=[text], return_tensors="pt")).logits[0, -1].softmax(-1)
        yes, no = (sum(chances[WORDS.index(word)] for word in words) for words in (("Yes", "yes"), ("No", "no")))
        expected.append(float(yes / (yes + no)))
    assert VQAScore(f"{folder}?batch=2").score("a dog", images) == pytest.approx(expected, abs=1e-5)
    assert len({round(share, 5) for share in expected}) == 3


def test_a_processor_that_needs_a_further_package_says_how_to_get_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*_: object, **__: object) -> None:
        raise ImportError("Qwen2VLVideoProcessor requires the Torchvision library")

    monkeypatch.setattr(AutoProcessor, "from_pretrained", lacking)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(
        PackageError, match=r"the processor of .* needs torchvision, which is not installed; pip install"
    ):
        VQAScore(str(folder)).prepare()


def test_in_batches_the_same(folder: Path) -> None:
    images = pictures(*[(16, 16)] * 3, (20, 16))
    alone = VQAScore(str(folder)).score("a dog", images)
    assert VQAScore(f"{folder}?batch=4").score("a dog", images) == pytest.approx(alone, abs=1e-6)
    assert VQAScore(str(folder)).score("a dog", images[::-1]) == alone[::-1]
    assert VQAScore(str(folder)).score("a dog", []) == []


def test_pictures_with_a_palette_or_alpha(folder: Path) -> None:
    image = pictures((16, 16))[0]
    reward = VQAScore(f"{folder}?dtype=float32")
    assert reward.score("a dog", [image.convert("RGBA")]) == reward.score("a dog", [image])
    assert 0 < reward.score("a dog", [Image.new("L", (16, 16), 9)])[0] < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"template": None}, "has no chat template"),
        ({"words": ("<pad>", "<unk>", "<image>", "Yes", "a")}, "has no words for yes and no"),
    ],
)
def test_a_model_that_cannot_be_asked(arguments: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=message):
        VQAScore(str(save_tiny_llava(tmp_path, **arguments))).prepare()  # type: ignore[arg-type]


def test_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    with pytest.raises(WeightsError, match="is clip, which takes no picture with a text"):
        VQAScore(str(save_tiny_clip(tmp_path / "clip"))).prepare()
    with pytest.raises(WeightsError, match="cannot be loaded as a vision-language model"):
        VQAScore(str(tmp_path / "nowhere")).prepare()
    with pytest.raises(ConfigError, match="needs a model to ask"):
        check_reward("vqa-score")
    with pytest.raises(ConfigError, match="dtype='int8': must be"):
        check_reward("vqa-score:m?dtype=int8")


def test_no_code_of_others_is_run(tmp_path: Path) -> None:
    """A folder that brings code is not trusted with it."""
    folder = save_tiny_llava(tmp_path, template=TEMPLATE)
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(
        config.replace('"model_type": "llava"', '"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}')
    )
    (folder / "own.py").write_text("raise SystemExit('run')\n")
    with pytest.raises(WeightsError, match="cannot be loaded as a vision-language model"):
        VQAScore(str(folder)).prepare()
