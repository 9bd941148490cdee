"""GLM-Image's folders, prompts and refusals, through the pipeline."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GlmImageProcessor

from scalingar.core.errors import ConfigError, PromptError, WeightsError
from scalingar.models.glm_image.loading import load_glm_image
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny import glm_image as tiny_glm


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The autoregressive part, without diffusion."""
    return tiny_glm.save_autoregressive(tmp_path_factory.mktemp("glm"))


@pytest.fixture
def pipe(alone: Path, monkeypatch: pytest.MonkeyPatch) -> ImagePipeline:
    monkeypatch.setattr(GlmImageProcessor, "_get_target_shape", tiny_glm.small_shape)
    return ImagePipeline.from_pretrained(alone, image_size=64)


def test_grids_are_those_that_the_processor_states(alone: Path) -> None:
    model, pictures, prompts, defaults = load_glm_image(alone, image_area=1024**2)
    assert (model.grid, model.preview) == ((32, 32), (16, 16))
    assert (prompts.height, prompts.width, pictures.downsample) == (1024, 1024, 32)
    assert (defaults.guidance_scale, defaults.sampling.temperature, defaults.sampling.top_p) == (1.0, 0.9, 0.75)
    assert defaults.sampling.top_k == 50  # generate's own, where the config sets none
    wide, *_ = load_glm_image(alone, aspect_ratio="2:1", image_area=1024**2)
    assert (wide.grid, wide.preview) == ((23, 45), (11, 22))
    assert wide.places.shape == (3, 23 * 45 + 11 * 22)


def test_ids_are_those_of_the_processor(pipe: ImagePipeline) -> None:
    prompts = ["a red dog", "a dog left of a red apple"]
    ids, mask = pipe.encode_prompts(prompts)
    assert mask is not None
    processor: Any = tiny_glm.tiny_processor()
    for prompt, row, valid in zip(prompts, ids, mask, strict=True):
        official = processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "text", "text": prompt}]}],
            tokenize=True, return_dict=True, return_tensors="pt", processor_kwargs={"target_h": 64, "target_w": 64},
        )  # fmt: skip
        assert torch.equal(row[valid], official["input_ids"][0])
        assert not valid[0] or valid.all()  # pads are on the left


def test_it_draws_codes_without_a_diffusion_part(pipe: ImagePipeline) -> None:
    assert pipe.grids == ((3, 2), (2, 2))
    codes = pipe("a red dog", strategy="single", output_type="codes").images[0]
    assert codes.shape == (10,)
    with pytest.raises(WeightsError, match="holds the autoregressive part only"):
        pipe("a red dog", strategy="single")


def test_images_in_a_prompt_are_refused(pipe: ImagePipeline) -> None:
    for prompt in ("<|image|> a red dog", "a red dog <|dit_token_25|>"):
        with pytest.raises(PromptError, match="read from text only here, not from images: leave the token out"):
            pipe(prompt, strategy="single", output_type="codes")
    with pytest.raises(ConfigError, match="image has no meaning here: prompts are text"):
        pipe("a red dog", image=torch.zeros(3, 8, 8))


def test_the_whole_model_can_lie_elsewhere(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GlmImageProcessor, "_get_target_shape", tiny_glm.small_shape)
    whole = tiny_glm.save_whole(tmp_path / "whole")
    own: dict[str, Any] = {"image_size": 64, "diffusion_steps": 1, "preview_steps": 1}
    pipe = ImagePipeline.from_pretrained(alone, tokenizer=whole, **own)
    strategy = {"name": "preview-then-finish", "num_trajectories": 2, "judge": "clusters"}
    output = pipe("a red dog", strategy=strategy, seed=1)
    assert output.images[0].size == (64, 64)
    assert output.ledger.decodes == 3
    assert output.ledger.seconds["decode"] > 0
    assert len(pipe.hashes) == 4  # transformer, decoder, text encoder, and the autoregressive part
    together = ImagePipeline.from_pretrained(whole, **own)
    assert set(together.hashes.values()) >= set(pipe.hashes.values()) - {next(iter(pipe.hashes.values()))}


def test_what_does_not_fit_is_one_sentence(alone: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="diffusion_steps is 0; it must be at least 1"):
        ImagePipeline.from_pretrained(alone, diffusion_steps=0)
    with pytest.raises(ConfigError, match="aspect_ratio"):
        ImagePipeline.from_pretrained(alone, aspect_ratio="wide")
    damaged = tiny_glm.save_autoregressive(tmp_path / "damaged")
    (damaged / "processor_config.json").unlink()
    (damaged / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match="holds no processor for its prompts"):
        ImagePipeline.from_pretrained(damaged)
    other = tiny_glm.save_autoregressive(tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "image_start_token_id": 26}))
    with pytest.raises(WeightsError, match=r"its processor ends a prompt with token 24 .* begins images with 26"):
        ImagePipeline.from_pretrained(other)
