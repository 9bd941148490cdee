"""Infinity's image tokenizer; parity is in ``tests/doctor`` and, for both spellings, ``test_infinity_released.py``."""

import pytest
import torch

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.autoencoder.autoencoder import AutoencoderConfig
from scalingar.models.infinity.bsq_vae import BSQTokenizer, BSQVae, bsq_config
from scalingar.models.infinity.schedules import infinity_schedule
from tests.tiny import infinity as tiny


@pytest.mark.parametrize("config", [tiny.VAE_CONFIG, tiny.PATCHED_VAE_CONFIG], ids=["stride 16", "stride 8"])
@torch.inference_mode()
def test_a_scale_tokenizer_in_both_directions(config: AutoencoderConfig) -> None:
    tokenizer = BSQTokenizer.for_tokens(tiny.tiny_vae(config), tiny.SCHEDULE, 4)
    images = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1
    codes = tokenizer.encode(images)
    assert [tuple(c.shape) for c in codes] == [(2, h * w, 4) for h, w in tiny.SCHEDULE.scales]
    latent = tokenizer.start(2, "cpu")
    pictures = []
    for scale, tokens in enumerate(codes):
        if scale:
            assert tokenizer.features(latent, scale).shape == tokens.shape
        latent = tokenizer.accumulate(latent, tokens, scale)
        pictures.append(tokenizer.decode(latent))
    assert {tuple(picture.shape) for picture in pictures} == {(2, 3, 64, 48)}
    assert not torch.allclose(pictures[0], pictures[-1])
    torch.testing.assert_close(pictures[-1][1:], tokenizer.decode(latent[1:]), atol=1e-5, rtol=1e-5)


def test_an_autoencoder_of_other_bits_is_refused() -> None:
    wrong = r"predicts 16 bits a token, the autoencoder \(stride 16, 4 channels\) has 4; they do not belong together"
    with pytest.raises(WeightsError, match=wrong):
        BSQTokenizer.for_tokens(tiny.tiny_vae(), tiny.SCHEDULE, 16)
    short = tiny.VAE_CONFIG.model_copy(update={"channel_mult": (1, 1, 1, 1)})
    with pytest.raises(WeightsError, match=r"stride 8, 4 channels\) has 16"):
        BSQTokenizer.for_tokens(tiny.tiny_vae(short), tiny.SCHEDULE, 4)


def test_images_of_another_size_are_refused() -> None:
    tokenizer = BSQTokenizer.for_tokens(tiny.tiny_vae(), tiny.SCHEDULE, 4)
    with pytest.raises(ConfigError, match="the image is 48x64 pixels, the schedule is for 64x48; resize it"):
        tokenizer.encode(torch.zeros(1, 3, 48, 64))


def test_released_sizes() -> None:
    with torch.device("meta"):
        vae = BSQVae(bsq_config(32))
        patched = BSQVae(bsq_config(14, stride=8))
    decoder = sum(parameter.numel() for parameter in vae.decoder.parameters()) / 1e6
    assert decoder == pytest.approx(65, abs=1)
    shapes = {name: tuple(tensor.shape) for name, tensor in vae.state_dict().items()}
    assert shapes["encoder.down.1.block.0.nin_shortcut.weight"] == (256, 128, 1, 1)
    assert shapes["encoder.conv_out.weight"] == (32, 512, 3, 3)
    assert shapes["decoder.up.1.block.0.nin_shortcut.weight"] == (256, 512, 1, 1)
    assert shapes["decoder.up.0.block.0.nin_shortcut.weight"] == (128, 256, 1, 1)
    assert "decoder.up.4.upsample.conv.weight" in shapes
    assert "decoder.up.0.upsample.conv.weight" not in shapes
    tokenizer = BSQTokenizer.for_tokens(patched, infinity_schedule(), 56)
    assert tokenizer.quantizer.sides[0] == (2, 2)
    assert tokenizer.quantizer.sides[-1] == (128, 128)
    with pytest.raises(ConfigError, match="stride is 4; Infinity's autoencoders have 16 or 8"):
        bsq_config(32, stride=4)
