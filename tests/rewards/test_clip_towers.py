"""CLIPScore, PickScore and HPS on tiny random weights, against transformers itself and an open_clip of our own."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.hf.clip_pixels import cropped, normalised, padded
from scalingar.rewards import REWARDS, ClipScore, HPSv2, HPSv21, PickScore, TruncationWarning, hps
from scalingar.rewards.hps import from_open_clip
from tests.tiny.rewards import CLIP_VOCABULARY, pictures, save_clip_tokenizer, save_tiny_clip, tiny_open_clip

IMAGES = pictures((70, 50), (32, 32), (33, 97))
BEGIN, END = len(CLIP_VOCABULARY), len(CLIP_VOCABULARY) + 1


def ids(*words: str) -> Tensor:
    letters = [token for word in words for token in (*word[:-1], f"{word[-1]}</w>")]
    return torch.tensor([[BEGIN, *map(CLIP_VOCABULARY.index, letters), END]])


def test_clip_score_is_the_cosine_of_transformers_towers(tmp_path: Path) -> None:
    from transformers import CLIPModel

    scores = ClipScore(save_tiny_clip(tmp_path), batch_size=2).score("A cat", IMAGES)
    network = CLIPModel.from_pretrained(tmp_path).eval()
    pixels = normalised([cropped(image, 32) for image in IMAGES])
    with torch.inference_mode():
        output = network(input_ids=ids("a", "cat"), pixel_values=pixels)
        expected = output.logits_per_image[:, 0] / network.logit_scale.exp()
    assert scores == pytest.approx(expected.tolist(), abs=1e-6)


def test_pick_score_has_the_learnt_temperature(tmp_path: Path) -> None:
    square = [IMAGES[1]]
    pick = PickScore(save_tiny_clip(tmp_path, activation="gelu"))
    scale = pick.network.logit_scale.exp().item()
    (cosine,) = HPSv2(tmp_path).score("a cat", square)
    assert pick.score("a cat", square) == pytest.approx([scale * cosine], rel=1e-5)


@pytest.mark.parametrize(("kind", "wrong"), [(ClipScore, "gelu"), (PickScore, "quick_gelu"), (HPSv21, "quick_gelu")])
def test_the_other_activation_is_refused(kind: type[ClipScore], wrong: str, tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=f"runs with {wrong}, the weights of {REWARDS.name_of(kind)} with {kind.activation}; "
    ):
        kind(save_tiny_clip(tmp_path, activation=wrong)).score("a cat", IMAGES)


def test_seventy_seven_tokens_are_read(tmp_path: Path) -> None:
    reward = ClipScore(save_tiny_clip(tmp_path))
    assert reward.truncation("abcde " * 15) is None
    prompt = "abcde " * 15 + "x"
    with pytest.warns(TruncationWarning, match=r"clip-score reads 77 of the 78 tokens of .* does not see 'x'"):
        scores = reward.score(prompt, IMAGES)
    assert scores == pytest.approx(reward.score("abcde " * 15, IMAGES), abs=1e-6)


def test_open_clip_weights_give_open_clip_features() -> None:
    other = tiny_open_clip(heads=4)
    network = from_open_clip(other.state_dict(), "x.pt", heads=4)
    pixels, text = normalised([padded(image, 32) for image in IMAGES]), ids("a", "red", "dog")
    with torch.inference_mode():
        torch.testing.assert_close(
            network.get_image_features(pixel_values=pixels).pooler_output, other.visual(pixels), atol=2e-4, rtol=1e-4
        )
        torch.testing.assert_close(
            network.get_text_features(input_ids=text).pooler_output, other.text(text), atol=2e-4, rtol=1e-4
        )
    assert float(network.logit_scale) == 3.0


def save_hps(folder: Path, name: str, seed: int = 0) -> Path:
    torch.save({"epoch": 1, "name": "x", "state_dict": tiny_open_clip(heads=4, seed=seed).state_dict()}, folder / name)
    return save_clip_tokenizer(folder)


def test_hps_is_the_cosine_of_padded_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hps, "HEADS", 4)
    other = tiny_open_clip(heads=4)
    folder = save_hps(tmp_path, "HPS_v2.1_compressed.pt")
    with torch.inference_mode():
        seen = other.visual(normalised([padded(image, 32) for image in IMAGES]))
        expected = cosine_similarity(seen, other.text(ids("a", "cat")))
    assert HPSv21(folder).score("a cat", IMAGES) == pytest.approx(expected.tolist(), abs=1e-5)


def test_hps_versions_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hps, "HEADS", 4)
    save_hps(tmp_path, "HPS_v2.1_compressed.pt", seed=0)
    save_hps(tmp_path, "HPS_v2_compressed.pt", seed=1)
    assert HPSv2(tmp_path).score("a cat", IMAGES) != HPSv21(tmp_path).score("a cat", IMAGES)
    with pytest.raises(
        ConfigError, match=r"HPS_v2.1_compressed.pt holds hps-v2.1, not hps-v2; ask for the reward 'hps-"
    ):
        HPSv2(tmp_path / "HPS_v2.1_compressed.pt").prepare()


def test_strict_names_of_open_clip() -> None:
    weights = tiny_open_clip().state_dict()
    with pytest.raises(WeightsError, match="has unknown 'score_predictor'"):
        from_open_clip({**weights, "score_predictor": torch.zeros(1)}, "x.pt", heads=4)
    del weights["visual.ln_post.bias"]
    with pytest.raises(WeightsError, match=r"lacks 'vision_model\.post_layernorm\.bias'"):
        from_open_clip(weights, "x.pt", heads=4)
    with pytest.raises(WeightsError, match=r"x.pt lacks .*; it is no weight file of open_clip's CLIP"):
        from_open_clip({"a": torch.zeros(1)}, "x.pt", heads=4)


def test_another_kind_of_folder_is_refused_before_decoding(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    save_clip_tokenizer(tmp_path)
    with pytest.raises(WeightsError, match="is t5, not clip; choose another model"):
        ClipScore(tmp_path).prepare()
