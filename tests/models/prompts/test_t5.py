"""Captions to slots: order, padding, what is kept and what is let go; a tiny random T5 stands in for flan-t5-xl."""

import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from scalingar.core.errors import PackageError, WeightsError
from scalingar.models.prompts import t5
from scalingar.models.prompts.feature_cache import CacheWarning, FeatureCache, default_folder, feature_key
from scalingar.models.prompts.t5 import CaptionWarning, T5Encoder
from scalingar.models.prompts.t5_loading import check_vocabulary, load_tokenizer
from tests.tiny.t5 import save_tiny_t5

SLOTS, WIDTH = 6, 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_t5(tmp_path_factory.mktemp("t5"))


@pytest.fixture
def encoder(folder: Path) -> Callable[..., T5Encoder]:
    return lambda **options: T5Encoder(path=folder, slots=SLOTS, width=WIDTH, **options)


def plain(folder: Path, *ids: int) -> Tensor:
    """Features of unpadded ids, straight from transformers."""
    from transformers import T5EncoderModel

    network = T5EncoderModel.from_pretrained(str(folder)).eval()
    with torch.inference_mode():
        return network(input_ids=torch.tensor([ids])).last_hidden_state[0]


def test_left_padding_ends_with_the_caption_and_zeroes_the_rest(
    folder: Path, encoder: Callable[..., T5Encoder]
) -> None:
    features, mask = encoder()(["A Cat", "a red dog on the"])
    assert mask.int().tolist() == [[0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1]]
    torch.testing.assert_close(features[0, 3:], plain(folder, 3, 4, 1), atol=1e-5, rtol=1e-5)
    assert bool((features[0, :3] == 0).all())
    torch.testing.assert_close(features[1], plain(folder, 3, 6, 5, 7, 8, 1), atol=1e-5, rtol=1e-5)


def test_right_padding_keeps_what_t5_made_of_the_pads(folder: Path, encoder: Callable[..., T5Encoder]) -> None:
    features, mask = encoder(padding="right", zero_pads=False)(["a cat"])
    assert mask.int().tolist() == [[1, 1, 1, 0, 0, 0]]
    torch.testing.assert_close(features[0, :3], plain(folder, 3, 4, 1), atol=1e-5, rtol=1e-5)
    assert bool((features[0, 3:] != 0).any())


def test_company_changes_no_bit(encoder: Callable[..., T5Encoder]) -> None:
    alone, _ = encoder()(["a cat"])
    together, _ = encoder()(["the red dog", "a cat"])
    assert torch.equal(together[1], alone[0])


def test_cleaning_can_be_turned_off(encoder: Callable[..., T5Encoder]) -> None:
    tidy, _ = encoder()(["a <b>cat</b>"])
    raw, mask = encoder(clean=False)(["a cat"])
    assert torch.equal(tidy, raw)
    _, literal = encoder(clean=False)(["a (cat)"])
    assert int(literal.sum()) == 5
    assert int(mask.sum()) == 3


def test_long_captions_are_cut_with_a_warning(encoder: Callable[..., T5Encoder]) -> None:
    with pytest.warns(CaptionWarning, match=r"'a cat on the mat and' is 7 tokens long and the model reads 6; the end"):
        _, mask = encoder()(["a cat on the mat and"])
    assert bool(mask.all())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder()(["a cat on the mat"])


def test_nothing_left_after_cleaning(encoder: Callable[..., T5Encoder]) -> None:
    with pytest.warns(CaptionWarning, match=r"nothing of 'page 12' is left after cleaning.*clean_caption=False"):
        _, mask = encoder()(["page 12"])
    assert mask.int().tolist() == [[0, 0, 0, 0, 0, 1]]


# --- what is kept ------------------------------------------------------------------------------


def test_features_are_kept_and_the_warning_is_repeated(
    encoder: Callable[..., T5Encoder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = FeatureCache(tmp_path / "features")
    long = "a cat on the mat and"
    with pytest.warns(CaptionWarning):
        first, mask = encoder(kept=kept)(["a cat", long])

    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("the encoder was loaded")

    monkeypatch.setattr(t5, "load_encoder", forbidden)
    monkeypatch.setattr(t5, "load_tokenizer", forbidden)
    with pytest.warns(CaptionWarning, match="7 tokens long"):
        second, again = encoder(kept=kept)([long, "a cat"])
    assert torch.equal(second, first.flip(0))
    assert torch.equal(again, mask.flip(0))
    right, _ = encoder(kept=kept, padding="right", zero_pads=False)(["a cat"])
    assert torch.equal(right[0, :3], first[0, 3:]), "one file serves both sides"
    with pytest.raises(AssertionError, match="was loaded"):
        encoder(kept=kept, dtype=torch.bfloat16)(["a cat"])
    with pytest.raises(AssertionError, match="was loaded"):
        encoder(kept=kept)(["a dog"])


def test_another_encoder_in_the_folder_is_noticed(tmp_path: Path) -> None:
    kept = FeatureCache(tmp_path / "features")
    here = save_tiny_t5(tmp_path / "t5")
    before, _ = T5Encoder(path=here, slots=SLOTS, width=WIDTH, kept=kept)(["a cat"])
    save_tiny_t5(here, seed=1)
    after, _ = T5Encoder(path=here, slots=SLOTS, width=WIDTH, kept=kept)(["a cat"])
    assert not torch.allclose(before, after)


def test_a_damaged_file_is_made_again(encoder: Callable[..., T5Encoder], tmp_path: Path) -> None:
    first, _ = encoder(kept=FeatureCache(tmp_path))(["a cat"])
    (file,) = tmp_path.glob("*.safetensors")
    whole = file.read_bytes()
    file.write_bytes(whole[:50])
    again, _ = encoder(kept=FeatureCache(tmp_path))(["a cat"])
    assert torch.equal(again, first)
    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept.pop("tokens"),
        lambda kept: kept.update(other=torch.zeros(1)),
        lambda kept: kept.update(features=kept["features"][:, :-1]),
        lambda kept: kept.update(features=kept["features"][:-1]),
        lambda kept: kept.update(features=torch.full_like(kept["features"], torch.nan)),
        lambda kept: kept.update(features=kept["features"].to(torch.int8)),
        lambda kept: kept.update(valid=kept["valid"] + 1),
        lambda kept: kept.update(valid=torch.tensor([1, 2])),
        lambda kept: kept.update(tokens=torch.tensor(1.5)),
    ],
)
def test_foreign_features_are_made_again(
    change: Callable[[dict[str, torch.Tensor]], Any], encoder: Callable[..., T5Encoder], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    first, mask = encoder(kept=FeatureCache(tmp_path))(["a cat"])
    (file,) = tmp_path.glob("*.safetensors")
    whole, kept = file.read_bytes(), load_file(file)
    change(kept)
    save_file({name: tensor.contiguous() for name, tensor in kept.items()}, file)
    again, mask_again = encoder(kept=FeatureCache(tmp_path))(["a cat"])
    assert torch.equal(again, first)
    assert torch.equal(mask_again, mask)
    assert file.read_bytes() == whole


def test_a_folder_that_cannot_be_written_is_only_a_warning(encoder: Callable[..., T5Encoder], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.warns(CacheWarning, match="cannot be kept in"):
        features, _ = encoder(kept=FeatureCache(tmp_path / "file"))(["a cat"])
    assert features.shape == (1, SLOTS, WIDTH)


def test_keys_tell_texts_and_settings_apart() -> None:
    keys = {feature_key("a", x=1), feature_key("b", x=1), feature_key("a", x=2), feature_key("a", y=1)}
    assert len(keys) == 4
    assert feature_key("a", x=1, y=2) == feature_key("a", y=2, x=1)


def test_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "scalingar" / "text-features"


def test_without_a_home_there_is_a_warning_and_no_cache(
    encoder: Callable[..., T5Encoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    kept = FeatureCache(default_folder())
    monkeypatch.undo()
    with pytest.warns(CacheWarning, match="no home directory"):
        encoder(kept=kept)(["a cat"])


# --- what is let go ----------------------------------------------------------------------------


def test_weights_are_released_after_each_call(
    encoder: Callable[..., T5Encoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, load = [], t5.load_encoder

    def counted(*args: Any, **options: Any) -> Any:
        loads.append(args)
        return load(*args, **options)

    monkeypatch.setattr(t5, "load_encoder", counted)
    encode = encoder()
    encode(["a cat", "a dog"])
    assert len(loads) == 1
    encode(["a cat"])
    assert len(loads) == 2
    encode.keep_loaded()  # as a server does
    encode(["a cat"])
    encode(["a red dog"])
    assert len(loads) == 3


# --- what goes wrong ---------------------------------------------------------------------------


def test_wrong_width(folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"gives 24 numbers a token, the transformer reads 2048.*flan-t5-xl"):
        T5Encoder(path=folder, slots=SLOTS)(["a cat"])


def test_missing_folder_and_missing_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match=r"the text encoder .*none cannot be loaded \(.+\); give the folder of"):
        T5Encoder(path=tmp_path / "none")(["a cat"])
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(PackageError, match=r"reading captions, .* needs transformers, .*the extra t5"):
        T5Encoder(path=tmp_path)(["a cat"])


def test_incomplete_weights(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    here = save_tiny_t5(tmp_path)
    weights = load_file(here / "model.safetensors")
    del weights["encoder.final_layer_norm.weight"]
    save_file(weights, here / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsError, match=r"cannot be loaded \(lacks 'encoder.final_layer_norm.weight'; it is no"):
        T5Encoder(path=here, slots=SLOTS, width=WIDTH)(["a cat"])


def test_features_that_are_not_numbers(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    here = save_tiny_t5(tmp_path)
    weights = load_file(here / "model.safetensors")
    weights["encoder.final_layer_norm.weight"].fill_(3e38)
    save_file(weights, here / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsError, match=r"gives values that are not numbers in torch.float32; use bf16"):
        T5Encoder(path=here, slots=SLOTS, width=WIDTH)(["a cat"])


@pytest.mark.parametrize(("known", "fits"), [(32100, True), (32128, True), (32000, False), (50257, False)])
def test_a_tokenizer_of_another_model_is_refused(known: int, fits: bool) -> None:
    """flan-t5 has 32100 tokens and 32128 embeddings; Llama's tokenizer has 32000 tokens, GPT-2's 50257."""
    with nullcontext() if fits else pytest.raises(WeightsError, match="it is another model's"):
        check_vocabulary("t5", known, 32128)


def test_the_tokenizer_beside_the_encoder_is_looked_at(tmp_path: Path) -> None:
    foreign = load_tokenizer(save_tiny_t5(tmp_path))
    foreign.add_tokens([f"word{number}" for number in range(200)])
    foreign.save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match="knows 211 tokens and the encoder beside it 11"):
        T5Encoder(path=tmp_path, slots=SLOTS, width=24)(["a cat"])
