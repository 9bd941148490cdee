from collections.abc import Iterator

import pytest
import torch

from scalingar.decoding.teacher_forcing import latents, teacher_features
from scalingar.models.var.multiscale_vq import ResidualQuantizer
from tests.tiny.var import SIDES, tiny_tokenizer
from training.generators import scale_lessons
from training.generators.codebook import ResidualCodebook
from training.generators.residuals import EncodedScale, Replace, continuous_residuals, encode_scales, residuals
from training.generators.scale_lessons import Teacher
from training.generators.transformer import drop_condition
from training.generators.warm_start import initialise_identity

TOKENIZER = tiny_tokenizer()
IMAGES = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1)).tanh()


def latent() -> torch.Tensor:
    with torch.inference_mode():
        return TOKENIZER.latent(IMAGES)


def test_the_walk_is_what_the_tokenizer_does() -> None:
    walked = list(encode_scales(TOKENIZER.quantize, latent()))
    codes = TOKENIZER.encode(IMAGES)
    assert all(torch.equal(part.codes, expected) for part, expected in zip(walked, codes, strict=True))
    for part, expected in zip(walked, latents(TOKENIZER, codes), strict=True):
        assert torch.allclose(part.latent, expected, atol=1e-5)


def test_lessons_without_mistakes_are_the_tokenizers_own() -> None:
    lesson = Teacher(TOKENIZER.quantize).lesson(latent(), 0.0, 0)
    codes = TOKENIZER.encode(IMAGES)
    assert torch.equal(lesson.codes, torch.cat(codes, 1)[..., 0])
    assert torch.allclose(lesson.features, teacher_features(TOKENIZER, codes), atol=1e-5)


def test_mistakes_are_fed_but_not_taught_and_later_scales_see_them() -> None:
    teacher = Teacher(TOKENIZER.quantize)
    right, wrong = (teacher.lesson(latent(), mistakes, 5) for mistakes in (0.0, 1.0))
    assert torch.equal(right.codes[:, :1], wrong.codes[:, :1]), "nothing before the first scale is wrong"
    assert not torch.equal(right.features, wrong.features)
    assert not torch.equal(right.codes[:, 1:], wrong.codes[:, 1:]), "the target repairs"
    again = teacher.lesson(latent(), 1.0, 5)
    assert torch.equal(again.features, wrong.features)


def test_who_loses_the_words_has_as_many_mistakes_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced: list[torch.Tensor] = []

    def watched(quantize: ResidualQuantizer, z: torch.Tensor, replace: Replace) -> Iterator[EncodedScale]:
        def replace_watched(right: torch.Tensor, scale: int) -> torch.Tensor:
            wrong = replace(right, scale)
            replaced.append((wrong != right)[..., 0])
            return wrong

        return encode_scales(quantize, z, replace_watched)

    monkeypatch.setattr(scale_lessons, "encode_scales", watched)
    count, step = 1500, 4
    z = torch.randn(count, *latent().shape[1:], generator=torch.Generator().manual_seed(0))
    Teacher(TOKENIZER.quantize).lesson(z, 1.0, step)
    shares = torch.cat(replaced[:-1], 1).float().mean(1)
    words = drop_condition(torch.zeros(count, 1, dtype=torch.long), 1, step)[:, 0]
    assert abs(float(shares[words == 1].mean() - shares[words == 0].mean())) < 0.1
    assert float(shares.std()) > 0.2, "images differ in how many codes are wrong"


def test_residuals_shrink_when_everything_can_be_explained() -> None:
    model = tiny_tokenizer()
    initialise_identity(model)
    z = latent()
    found = continuous_residuals(model.quantize, z)
    assert len(found) == len(z) * sum(side * side for side in SIDES)
    means = z.mean((2, 3))
    assert torch.allclose(found[: len(z)], means, atol=1e-6), "the first scale is the mean"
    coarse = torch.nn.functional.interpolate(means[..., None, None], size=(4, 4), mode="bicubic")
    second = found[len(z) : 5 * len(z)].view(len(z), 2, 2, -1).movedim(-1, 1)
    assert torch.allclose(second, torch.nn.functional.avg_pool2d(z - coarse, 2), atol=1e-5)


def test_codes_learn_the_residuals_of_all_scales() -> None:
    model = tiny_tokenizer()
    initialise_identity(model)
    quantize: ResidualQuantizer = model.quantize
    codebook = ResidualCodebook(quantize, seed=0)
    z = latent().clone()

    def unexplained() -> float:
        *_, last = encode_scales(quantize, z)
        return float((z - last.latent).square().mean())

    random = unexplained()
    codebook.initialise(continuous_residuals(quantize, z))
    codebook.initialise(residuals(quantize, z))
    placed = unexplained()
    assert placed < 0.5 * random
    for _ in range(300):
        walked = list(encode_scales(quantize, z))
        codebook.update(torch.cat([p.residual for p in walked], 1), torch.cat([p.codes for p in walked], 1))
    assert unexplained() < 1.05 * placed
    assert codebook.used == len(codebook.weight)
