"""Codes go to diffusers' own pipeline, at once or later, and a picture is its codes' and its prompt's alone."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError, PackageError, WeightsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.models.glm_image.pictures import GlmImagePictures, pictures_of_codes
from scalingar.models.glm_image.transformer import GlmImage
from tests.tiny import glm_image as tiny_glm

GRID = (2, 3)
CODES = torch.randint(tiny_glm.CODES, (2, 6), generator=torch.Generator().manual_seed(0))
PROMPTS = ["a sign that says 'dog'", "a red apple"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_glm.save_whole(tmp_path_factory.mktemp("glm"))


@pytest.fixture(scope="module")
def pictures(folder: Path) -> GlmImagePictures:
    return GlmImagePictures(folder, steps=2, preview_steps=1)


def test_pixels_are_those_of_the_pipeline(pictures: GlmImagePictures) -> None:
    """By its own enlargement of the codes, from the same noise."""
    ours = pictures.decode_for(PROMPTS, CODES, GRID)
    assert ours.shape == (2, 3, 64, 96)
    pipeline = tiny_glm.tiny_diffusion()
    pipeline.set_progress_bar_config(disable=True)
    for row, prompt in enumerate(PROMPTS):
        theirs = pipeline(
            prompt=prompt, prior_token_ids=pipeline._upsample_token_ids(CODES[row : row + 1], *GRID),
            height=64, width=96, num_inference_steps=2, generator=torch.Generator().manual_seed(0), output_type="pt",
        ).images  # fmt: skip
        torch.testing.assert_close(ours[row], 2 * theirs[0] - 1, atol=1e-4, rtol=0)


def test_quoted_words_and_codes_both_change_the_picture(pictures: GlmImagePictures) -> None:
    words = ["a sign that says 'dog'", "a sign that says 'cow'"]
    first, second = pictures.decode_for(words, CODES[:1].expand(2, -1), GRID)
    assert not torch.equal(first, second)
    one, other = pictures.decode(CODES, GRID)
    assert not torch.equal(one, other)
    torch.testing.assert_close(one, pictures.decode(CODES[:1], GRID)[0], atol=1e-5, rtol=0)


def test_a_preview_has_its_own_size(pictures: GlmImagePictures) -> None:
    preview = pictures.decode(CODES[:1, :4], (2, 2))
    assert preview.shape == (1, 3, 64, 64)
    with pytest.raises(ValueError, match="6 codes do not fill a grid of 2x2"):
        pictures.decode(CODES, (2, 2))


def test_a_preview_on_a_grid_like_the_images_has_its_own_steps(pictures: GlmImagePictures) -> None:
    """A decoder knows a preview by how many codes there are."""
    model = GlmImage(network=tiny_glm.tiny_glm_image(), grid=GRID, preview=GRID, empty=torch.tensor([33, 34]))
    decoder = NextTokenDecoder(model=model, tokenizer=pictures, sampling=SamplingConfig())
    rows = CODES[:1]
    preview, image = decoder.pictures([rows[0]]), decoder.pictures([torch.cat([rows[0], rows[0]])])
    brief, long = (GlmImagePictures(pictures.folder, steps=steps).decode(rows, GRID) for steps in (1, 2))
    torch.testing.assert_close(preview, brief.clamp(-1, 1))
    torch.testing.assert_close(image, long.clamp(-1, 1))
    assert not torch.equal(preview, image)


def test_pictures_of_saved_codes_are_the_same(folder: Path, pictures: GlmImagePictures, tmp_path: Path) -> None:
    """Saved with the codes of a preview before them, as a pipeline hands them out."""
    drawn = [torch.cat([torch.zeros(4, dtype=torch.long), own]) for own in CODES]
    torch.save(drawn, tmp_path / "codes.pt")
    saved = torch.load(tmp_path / "codes.pt")
    images = pictures_of_codes(folder, saved, PROMPTS, GRID, steps=2)
    at_once = pictures.decode_for(PROMPTS, CODES, GRID)
    for image, own in zip(images, at_once, strict=True):
        assert image.size == (96, 64)
        pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 127.5 - 1
        assert (pixels - own.clamp(-1, 1)).abs().max() < 0.02
    with pytest.raises(ConfigError, match=r"codes of 2 images for 1 prompts, \[10\] each; give one prompt per image"):
        pictures_of_codes(folder, saved, PROMPTS[:1], GRID)


def test_what_is_missing_is_one_sentence(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="holds the autoregressive part only; give the whole model's folder"):
        GlmImagePictures(None).prepare()
    with pytest.raises(WeightsError, match="cannot be loaded as GlmImagePipeline"):
        GlmImagePictures(tmp_path).prepare()
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(PackageError, match="a picture of GLM-Image needs diffusers, which is not installed; pip"):
        GlmImagePictures(folder).prepare()
