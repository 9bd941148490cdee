"""Both stages of the next-scale model at toy sizes, from drawings to a package."""

import argparse
from pathlib import Path
from typing import Any

import pytest
import torch

from scalingar.models.model_folder import read_info
from scalingar.models.options import Choice
from scalingar.models.var.multiscale_vq import MultiScaleVQ
from scalingar.models.var.transformer import VAR
from scalingar.pipeline.loading import load
from tests.training.kills import killed
from training.generators import scale_lessons, scale_tokenizer, scale_transformer
from training.generators.export_scale import export
from training.generators.scale_lessons import Lesson
from training.weights import trained
from training.world.scenes import GRID, Sprites

SIDES = (1, 3, GRID)
TOKENS = sum(side * side for side in SIDES)


@pytest.fixture
def toy(sprites: Sprites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tokenizer = scale_tokenizer.CONFIG.model_copy(
        update={"codebook_size": 16, "sides": SIDES, "channels": 8, "channel_mult": (1, 1, 1), "z_channels": 4}
    )
    transformer = scale_transformer.CONFIG.model_copy(
        update={"layers": 2, "heads": 2, "dim": 16, "hidden": 32, "sides": SIDES, "vocab_size": 16, "code_dim": 4}
    )
    monkeypatch.setattr(scale_tokenizer, "CONFIG", tokenizer)
    monkeypatch.setattr(scale_transformer, "CONFIG", transformer)
    settings: tuple[tuple[Any, str, Any], ...] = (
        (scale_tokenizer, "HELD_OUT", 2),
        (scale_tokenizer, "K_MEANS_SCENES", 8),
        (scale_lessons, "CHUNK", 8),
        (scale_transformer, "HELD_OUT", 4),
        (scale_transformer, "SHEET_PROMPTS", ("a dog", "two dogs", "a red dog", "a cat")),
        *((module, "Sprites", lambda _: sprites) for module in (scale_tokenizer, scale_lessons)),
    )
    for module, name, value in settings:
        monkeypatch.setattr(module, name, value)
    return tmp_path


def tokenizer_args(work_dir: Path, steps: int) -> argparse.Namespace:
    return argparse.Namespace(
        work_dir=work_dir,
        steps=steps,
        batch=4,
        lr=1e-3,
        window=7,
        partial=0.5,
        warm_start=True,
        seed=1,
        report_every=100,
    )


def transformer_args(work_dir: Path, steps: int) -> argparse.Namespace:
    return argparse.Namespace(
        work_dir=work_dir,
        steps=steps,
        batch=4,
        whole=1,
        coarse_scales=2,
        easy_steps=1,
        chunks=1,
        mistakes=0.2,
        scale_power=0.25,
        lr=1e-3,
        seed=1,
        report_every=100,
        compile=False,
    )


def test_two_steps_of_each_stage_make_a_package(toy: Path) -> None:
    scale_tokenizer.train(tokenizer_args(toy, 2))
    scale_transformer.train(transformer_args(toy, 2))
    for name in ("scale-tokenizer.png", "scale-samples-000002.png"):
        assert (toy / name).stat().st_size > 0
    export(toy, toy / "package", 1.5)
    loaded = load(Choice(name=toy / "package"))
    assert (loaded.family.name, loaded.guidance_scale, loaded.reward) == ("var", 1.5, "embedded")
    assert (loaded.model.config.sides, loaded.tokenizer.config.sides) == (SIDES, SIDES)
    assert "step 2" in read_info(toy / "package").description


def test_training_goes_on_where_it_was_stopped(toy: Path, sprites: Sprites) -> None:
    whole = scale_tokenizer.Run(tokenizer_args(toy, 3), sprites)
    for _ in range(3):
        scale_tokenizer.advance(whole)
    stopped = scale_tokenizer.Run(tokenizer_args(toy, 3), sprites)
    for _ in range(2):
        scale_tokenizer.advance(stopped)
    stopped.save()
    resumed = scale_tokenizer.Run(tokenizer_args(toy, 3), sprites)
    resumed.resume()
    scale_tokenizer.advance(resumed)
    assert resumed.step == 3
    after = resumed.model.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in whole.model.state_dict().items())


def test_a_transformer_is_not_put_beside_another_tokenizer(toy: Path) -> None:
    scale_tokenizer.train(tokenizer_args(toy, 2))
    scale_transformer.train(transformer_args(toy, 1))
    (toy / "scale-tokenizer.pt").unlink()
    scale_tokenizer.train(tokenizer_args(toy, 1))
    with pytest.raises(SystemExit, match="another tokenizer than the one beside it"):
        export(toy, toy / "package", 1.5)
    with pytest.raises(SystemExit, match="was trained with another tokenizer; remove it"):
        scale_transformer.train(transformer_args(toy, 2))


def test_weights_of_the_last_step_are_written_after_a_kill_too(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed_and_again(module: Any, args: argparse.Namespace) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(module, "report", killed)
            with pytest.raises(KeyboardInterrupt):
                module.train(args)
        module.train(args)

    killed_and_again(scale_tokenizer, tokenizer_args(toy, 1))
    assert trained(toy, "scale-tokenizer")["step"] == 1
    killed_and_again(scale_transformer, transformer_args(toy, 1))
    assert trained(toy, "scale-transformer")["step"] == 1


def test_weights_older_than_the_checkpoint_are_not_exported(toy: Path) -> None:
    scale_tokenizer.train(tokenizer_args(toy, 1))
    with pytest.raises(SystemExit, match=r"scale-transformer\.weights\.pt is missing; train the"):
        export(toy, toy / "package", 1.5)
    scale_transformer.train(transformer_args(toy, 1))
    run = scale_transformer.Run(transformer_args(toy, 2))
    run.resume()
    run.advance()
    run.save()
    with pytest.raises(SystemExit, match=r"is of step 1, and .*scale-transformer\.pt of step 2; let the training"):
        export(toy, toy / "package", 1.5)


def test_windows_hold_their_object(sprites: Sprites) -> None:
    images, corners = scale_tokenizer.batch_of(0, 0, 16, sprites, 7)
    assert bool(((corners >= 0) & (corners <= GRID - 7)).all())
    cut = scale_tokenizer.windows(images, corners * 8, 56)
    row, column = corners[3].tolist()
    assert torch.equal(cut[3], images[3, :, row * 8 : row * 8 + 56, column * 8 : column * 8 + 56])
    assert bool((cut.flatten(2).std(2).amax(1) > 0.05).all()), "no window is plain"


def test_an_untrained_transformer_guesses_and_weights_average_to_one(toy: Path) -> None:
    torch.manual_seed(0)
    model = VAR(scale_transformer.CONFIG)
    scale_transformer.initialise(model)
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(16, (2, TOKENS), generator=generator)
    lesson = Lesson(torch.randn(2, TOKENS - 1, 4, generator=generator), codes)
    found = scale_transformer.batch_losses(model, torch.ones(2, 8, dtype=torch.long), lesson, whole=1, coarse=2)
    assert torch.allclose(found, torch.full((TOKENS,), 16.0).log(), atol=1e-4)
    weights = scale_transformer.token_weights(SIDES, 0.5)
    assert abs(float(weights.mean()) - 1) < 1e-6
    assert torch.allclose(weights[0] / weights[-1], torch.tensor(float(GRID)))
    assert torch.equal(scale_transformer.token_weights(SIDES, 0.0), torch.ones(TOKENS))


def test_a_token_is_averaged_over_the_images_that_have_it(toy: Path) -> None:
    torch.manual_seed(0)
    model = VAR(scale_transformer.CONFIG)
    scale_transformer.initialise(model)
    torch.nn.init.normal_(model.head.weight)
    generator = torch.Generator().manual_seed(0)
    lesson = Lesson(
        torch.randn(4, TOKENS - 1, 4, generator=generator), torch.randint(16, (4, TOKENS), generator=generator)
    )
    words = torch.randint(5, (4, 8), generator=generator)
    found = scale_transformer.batch_losses(model, words, lesson, whole=1, coarse=2)
    every = scale_transformer.losses(model, words, lesson) / 4
    first = scale_transformer.losses(model, words[:1], lesson.part(slice(1), TOKENS))
    coarse = SIDES[0] ** 2 + SIDES[1] ** 2
    assert torch.allclose(found, torch.cat([every[:coarse], first[coarse:]]), atol=1e-5)


def test_model_files_stay_within_their_sizes() -> None:
    models = (VAR(scale_transformer.CONFIG), MultiScaleVQ(scale_tokenizer.CONFIG))
    for model, limit in zip(models, (22e6, 8e6), strict=True):
        assert 2 * sum(p.numel() for p in model.parameters()) < limit, "bf16 bytes"
