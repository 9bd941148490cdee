"""Prompts for Infinity; a tiny random T5 stands in for flan-t5-xl."""

from pathlib import Path

import pytest
import torch

from scalingar.models.prompts.feature_cache import FeatureCache
from scalingar.models.prompts.infinity_prompts import infinity_prompts, with_positive_prompt
from scalingar.models.prompts.t5 import CaptionWarning, T5Encoder
from tests.tiny.t5 import save_tiny_t5

WIDTH = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_t5(tmp_path_factory.mktemp("t5"))


def test_only_valid_rows_and_the_end_of_the_text(folder: Path) -> None:
    features, mask = infinity_prompts(folder, width=WIDTH)(["a cat", "a red dog on the mat"])
    assert features.shape == (2, 7, WIDTH)
    assert mask.sum(1).tolist() == [3, 7]
    padded, _ = T5Encoder(path=folder, slots=512, width=WIDTH, padding="right", clean=False)(["a cat"])
    torch.testing.assert_close(features[0, :3], padded[0, :3], atol=1e-5, rtol=1e-5)
    assert bool((features[0, 3:] == 0).all())


def test_features_are_kept_without_padding(folder: Path, tmp_path: Path) -> None:
    prompts = infinity_prompts(folder, width=WIDTH, kept=FeatureCache(tmp_path))
    first, _ = prompts(["a cat"])
    (file,) = tmp_path.glob("*.safetensors")
    assert file.stat().st_size < 2000
    assert torch.equal(prompts(["a cat"])[0], first)


def test_long_prompts_are_cut_with_a_warning(folder: Path) -> None:
    with pytest.warns(CaptionWarning, match="is 7 tokens long and the model reads 4"):
        _, mask = infinity_prompts(folder, width=WIDTH, slots=4)(["a cat on the mat and"])
    assert mask.sum().item() == 4


def test_the_positive_prompt_needs_a_whole_word() -> None:
    assert with_positive_prompt("a Woman on a mat").startswith("a Woman on a mat. very smooth faces, good looking")
    assert with_positive_prompt("the command of a general") == "the command of a general"


def test_the_positive_prompt_is_opt_in(folder: Path) -> None:
    plain, _ = infinity_prompts(folder, width=WIDTH)(["a man"])
    more, mask = infinity_prompts(folder, width=WIDTH, positive_prompt=True)(["a man"])
    assert plain.shape[1] == 3
    assert more.shape[1] == int(mask.sum()) > 10
