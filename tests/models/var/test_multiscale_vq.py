"""The multi-scale tokenizer's arithmetic and options; parity is in ``tests/doctor/test_var.py``."""

import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.decoding.teacher_forcing import latents, teacher_features
from scalingar.models.var.multiscale_vq import SIDES_256, MultiScaleVQ, MultiScaleVQConfig, phi_index
from tests.tiny import var as tiny_var


def images(n: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_published_sizes() -> None:
    with torch.device("meta"):
        model = MultiScaleVQ(MultiScaleVQConfig())
    shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    assert shapes["decoder.conv_in.weight"] == (640, 32, 3, 3)
    assert shapes["decoder.up.4.attn.2.qkv.weight"] == (1920, 640, 1, 1)
    assert shapes["encoder.mid.attn_1.proj_out.weight"] == (640, 640, 1, 1)
    assert shapes["quant_conv.weight"] == (32, 32, 3, 3)
    assert model.config.image_size == 256
    assert [i for i in range(5) if f"decoder.up.{i}.block.0.nin_shortcut.weight" in shapes] == [1, 3]
    assert [i for i in range(5) if f"decoder.up.{i}.upsample.conv.weight" in shapes] == [1, 2, 3, 4]


def test_shared_convolutions_of_the_published_schedule() -> None:
    assert phi_index(10, 4) == [0, 0, 1, 1, 1, 2, 2, 3, 3, 3]
    assert phi_index(1, 4) == [0]
    assert phi_index(3, 2) == [0, 0, 1]


@torch.inference_mode()
def test_codes_survive_the_way_over_their_latent() -> None:
    """With one scale and no smoothing, the latent of some codes is encoded as these codes."""
    model = tiny_var.tiny_tokenizer(tiny_var.TOKENIZER_CONFIG.model_copy(update={"sides": (4,), "phi_ratio": 0.0}))
    codes = torch.randint(0, 12, (3, 16, 1), generator=torch.Generator().manual_seed(1))
    assert torch.equal(model.quantize.encode(latents(model, [codes])[-1])[0], codes)


@torch.inference_mode()
def test_every_scale_explains_more_of_the_latent() -> None:
    """With plain sums and a rich codebook; each scale's codes are the best for what the others left."""
    config = tiny_var.TOKENIZER_CONFIG.model_copy(update={"codebook_size": 4096, "phi_ratio": 0.0})
    model = tiny_var.tiny_tokenizer(config)
    wanted = model.latent(images())
    found = model.encode(images())
    assert [codes.shape for codes in found] == [(2, 1, 1), (2, 4, 1), (2, 16, 1)]
    gaps = [float((wanted - latent).square().mean()) for latent in latents(model, found)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert model.decode(latents(model, found)[0]).shape == (2, 3, 16, 16)


@torch.inference_mode()
def test_features_are_means_over_the_cells_of_the_next_grid() -> None:
    model = tiny_var.tiny_tokenizer()
    latent = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(2))
    features = model.features(latent, 1)
    assert features.shape == (2, 4, 4)
    torch.testing.assert_close(features[:, 1], latent[:, :, :2, 2:].mean((2, 3)))
    assert torch.equal(model.features(latent, 2)[:, 5], latent[:, :, 1, 1])
    taught = teacher_features(model, [torch.zeros(2, side * side, 1, dtype=torch.long) for side in tiny_var.SIDES])
    assert taught.shape == (2, 4 + 16, 4)


@torch.inference_mode()
def test_accumulate_leaves_the_old_latent_alone() -> None:
    model = tiny_var.tiny_tokenizer()
    latent = model.start(1, "cpu")
    grown = model.accumulate(latent, torch.zeros(1, 1, 1, dtype=torch.long), 0)
    assert latent.dtype == grown.dtype == torch.float32
    assert not latent.any()
    assert grown.any()


@torch.inference_mode()
def test_latents_stay_fp32_under_bf16_weights() -> None:
    model = tiny_var.tiny_tokenizer().to(torch.bfloat16)
    codes = [codes[:1] for codes in model.encode(images())]
    assert latents(model, codes)[-1].dtype == torch.float32
    assert model.decode(latents(model, codes)[-1]).dtype == torch.float32


@torch.inference_mode()
def test_unit_latents_have_length_one_in_every_cell() -> None:
    free = tiny_var.tiny_tokenizer()
    bound = MultiScaleVQ(free.config.model_copy(update={"unit_latents": True})).eval()
    bound.load_state_dict(free.state_dict())
    found, before = bound.latent(images()), free.latent(images())
    assert torch.allclose(found.norm(dim=1), torch.ones(()))
    assert torch.allclose(found, before / before.norm(dim=1, keepdim=True), atol=1e-6)


def test_what_does_not_fit_is_refused() -> None:
    model = tiny_var.tiny_tokenizer()
    with pytest.raises(ConfigError, match=r"codes of scale 1 are \(9, 1\) per image; .* is 2x2"):
        model.accumulate(model.start(1, "cpu"), torch.zeros(1, 9, 1, dtype=torch.long), 1)
    with pytest.raises(ConfigError, match="images are 16x8 pixels; this tokenizer's scales end at 16x16"):
        model.encode(torch.zeros(1, 3, 16, 8))
    with pytest.raises(ConfigError, match="must grow from scale to scale"):
        MultiScaleVQConfig(sides=(1, 3, 3))
    with pytest.raises(ConfigError, match="must be odd"):
        MultiScaleVQConfig(sides=SIDES_256, quant_kernel=2)
