from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.rewards.features import FEATURES, CodeFeature, PixelFeature, check_feature, make_feature
from scalingar.rewards.features.dinov2 import preprocess
from tests.tiny.rewards import save_tiny_dinov2


def pictures() -> list[Image.Image]:
    generator = np.random.default_rng(0)
    return [Image.fromarray(generator.integers(0, 256, (40, 30, 3), np.uint8)) for _ in range(2)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_dinov2(tmp_path_factory.mktemp("dinov2"))


def test_pixels_are_mean_colours_of_cells() -> None:
    image = pictures()[0].resize((32, 32))
    tokens = PixelFeature(side=2)([image])
    corner = np.asarray(image)[:16, :16].mean((0, 1)) / 255
    np.testing.assert_allclose(tokens[0, 0], corner, atol=0.5 / 255)
    assert make_feature("pixels")(pictures()).shape == (2, 256, 3)


def test_dinov2_gives_patch_tokens_of_each_image_alone(folder: Path) -> None:
    feature = make_feature(f"dinov2:{folder}")
    images = pictures()
    tokens = feature(images)
    assert tokens.shape == (2, 256, 16)
    assert torch.equal(tokens[1:], feature(images[1:]))
    hidden = feature.network(pixel_values=preprocess(images)).last_hidden_state  # type: ignore[attr-defined]
    torch.testing.assert_close(tokens, hidden[:, 4:], rtol=1e-4, atol=1e-5)


def test_embedded_features_tell_scenes_apart() -> None:
    feature = make_feature("embedded")
    scenes = [image.resize((96, 96)) for image in pictures()]
    tokens = feature(scenes)
    assert tokens.shape[:2] == (2, 144)
    assert tokens.dtype == torch.float32
    torch.testing.assert_close(tokens[1:], feature(scenes[1:]))
    assert (tokens[0] - tokens[1]).abs().max() > 0.01
    with pytest.raises(ConfigError, match="image 0 is 30 x 40 pixels"):
        feature(pictures())


def test_wrong_names_and_sources(tmp_path: Path) -> None:
    assert list(FEATURES) == ["dinov2", "embedded", "latent", "pixels"]
    check_feature("dinov2:anywhere")
    with pytest.raises(ConfigError, match="did you mean 'dinov2'"):
        check_feature("dinov3")
    with pytest.raises(ConfigError, match="no weights to load"):
        make_feature("pixels:folder")
    with pytest.raises(ConfigError, match="ends in ':'; add a file"):
        make_feature("dinov2:")
    with pytest.raises(WeightsError, match=r"holds no config.json"):
        make_feature(f"dinov2:{tmp_path}")


def test_the_latent_is_described_before_it_is_a_picture() -> None:
    feature = make_feature("latent")
    assert isinstance(feature, CodeFeature)
    latents = torch.arange(24.0).view(1, 2, 3, 4)
    assert feature.of_latents(latents)[0, 5].tolist() == [5, 17]
    with pytest.raises(ConfigError, match="looks at no image"):
        feature(pictures())
    with pytest.raises(ConfigError, match="no weights to load from 'folder'"):
        make_feature("latent:folder")
