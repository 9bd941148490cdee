"""The reward around the network; the network itself is held to the official code in tests/doctor."""

import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from scalingar.core.errors import PackageError, WeightsError
from scalingar.models.hf.clip_pixels import cropped, normalised
from scalingar.models.weights.checkpoint import read_weights
from scalingar.rewards import ImageReward, TruncationWarning
from scalingar.rewards.image_reward_network import build
from tests.tiny.rewards import pictures, save_tiny_image_reward
from tests.upstream import reference

LONG = " ".join(["a red dog on the mat and"] * 6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_image_reward(tmp_path_factory.mktemp("image_reward"))


def test_scores_are_those_of_padded_prompts_and_single_pictures(folder: Path) -> None:
    images = pictures((70, 50), (48, 48), (33, 97), (60, 61))
    scores = ImageReward(folder, batch_size=3).score("a red dog", images)
    network = build(read_weights(folder / "ImageReward.pt"), folder)
    ids = torch.tensor([[2, 5, 8, 7, 3] + [0] * 30])
    for score, image in zip(scores, images, strict=True):
        patches = network.embed(normalised([cropped(image, 48)]))
        alone = network.reward(network.read(ids, patches, (ids != 0).long()))
        assert score == pytest.approx(float(alone[0]), abs=1e-5)
    assert len(set(scores)) == 4
    assert ImageReward(folder).score("a red dog", []) == []


def test_file_and_folder_are_the_same_and_prompts_matter(folder: Path) -> None:
    images = pictures((48, 48))
    by_file = ImageReward(folder / "ImageReward.pt").score("a cat", images)
    assert by_file == ImageReward(str(folder)).score("a cat", images)
    assert by_file != ImageReward(folder).score("the dog", images)


def test_what_is_not_read_is_told_once_and_cannot_matter(folder: Path) -> None:
    reward, images = ImageReward(folder), pictures((48, 48))
    with pytest.warns(TruncationWarning, match=r"image-reward reads 35 of the 44 tokens of 'a red .*\.\.\.'; it does"):
        scores = reward.score(LONG, images)
    truncation = reward.truncation(LONG)
    assert truncation is not None
    assert (truncation.tokens, truncation.limit) == (44, 35)
    assert truncation.unread == "on the mat and a red dog on the mat and"[-len(truncation.unread) :]
    assert len(truncation.unread.split()) == 44 - 35
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert reward.score(LONG, images) == scores
        assert reward.truncation("a cat") is None
    with pytest.warns(TruncationWarning):
        assert reward.score(LONG.removesuffix("and") + "cat", images) == scores


def test_loading_draws_no_random_numbers_and_happens_once(folder: Path) -> None:
    before = torch.get_rng_state()
    reward = ImageReward(folder)
    reward.prepare()
    assert "network" not in vars(reward)
    reward.score("a cat", pictures((48, 48)))
    network = reward.network
    reward.score("a dog", pictures((48, 48)))
    assert reward.network is network
    assert torch.equal(torch.get_rng_state(), before)


def test_bf16_is_near(folder: Path) -> None:
    images = pictures((48, 48), (70, 50))
    exact, rough = (
        ImageReward(folder, dtype=dtype).score("a cat", images) for dtype in (torch.float32, torch.bfloat16)
    )
    assert rough == pytest.approx(exact, abs=0.05)
    assert rough != exact


def test_every_name_counts(folder: Path, tmp_path: Path) -> None:
    weights = dict(read_weights(folder / "ImageReward.pt"))
    weights["blip.extra"] = torch.zeros(3)
    with pytest.raises(WeightsError, match=r"has unknown 'blip\.extra'"):
        build(weights, "x.pt")
    del weights["blip.extra"], weights["blip.visual_encoder.norm.bias"]
    with pytest.raises(WeightsError, match=r"lacks 'vision\.post_layernorm\.bias'"):
        build(weights, "x.pt")
    with pytest.raises(WeightsError, match=r"x.pt lacks .*; it is no weight file of ImageReward"):
        build({"a": torch.zeros(1)}, "x.pt")


def test_what_is_missing_is_one_sentence(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        WeightsError, match=r"image-reward finds no weights at /nowhere; give an existing file or folder"
    ):
        ImageReward("/nowhere").prepare()
    with pytest.raises(
        WeightsError,
        match=r"the tokenizer has 32 tokens and .* expects 120; put the tokenizer files of google",
    ):
        ImageReward(save_tiny_image_reward(tmp_path, vocabulary=30)).score("a cat", pictures((48, 48)))
    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(
        WeightsError, match=r"image-reward finds no tokenizer at .*; put the tokenizer files of google-b"
    ):
        ImageReward(tmp_path, tokenizer=tmp_path).prepare()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(PackageError, match=r"reward image-reward needs transformers, .*pip install 'transformers"):
        ImageReward(folder).prepare()


def test_the_published_file_is_fetched_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def download(repo: str, file: str, revision: str | None) -> str:
        asked.append((repo, file, revision))
        return str(folder / file)

    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", SimpleNamespace(hf_hub_download=download))
    reward = ImageReward(tokenizer=folder)
    reward.prepare()
    assert asked == [("THUDM/ImageReward", "ImageReward.pt", None)]
    assert reward.score("a cat", pictures((48, 48)))


def test_weights_that_overflow_are_refused(tmp_path: Path) -> None:
    save_tiny_image_reward(tmp_path)
    weights = dict(reference.load("imagereward_tiny").weights)
    weights["mlp.layers.7.weight"] = torch.full_like(weights["mlp.layers.7.weight"], 3e38)
    torch.save(weights, tmp_path / "ImageReward.pt")
    with pytest.raises(WeightsError, match=r"gives values that are not numbers in torch.float32; use fp32"):
        ImageReward(tmp_path).score("a cat", pictures((48, 48)))
