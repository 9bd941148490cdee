"""The schedule of the picture that is wanted."""

from pathlib import Path

import pytest

from scalingar.core.errors import ConfigError
from scalingar.models.infinity.family import FAMILY, _default_preset, _schedule
from scalingar.models.options import Choice


def wanted(**options: object) -> Choice:
    return Choice(options=options)


def test_presets_by_pixels_and_names() -> None:
    assert _schedule(wanted(), "0.25M").image_size == (512, 512)
    assert _schedule(wanted(image_size=1024, aspect_ratio=0.5), "0.06M").image_size == (1440, 720)
    assert _schedule(wanted(image_size=1024, aspect_ratio="1:2"), "0.06M").image_size == (1440, 720)
    with pytest.raises(ConfigError, match="image_size is 300; Infinity draws 256, 512, 768, 1024"):
        _schedule(wanted(image_size=300), "1M")
    with pytest.raises(ConfigError, match="aspect_ratio is -1; width over height must be a positive number"):
        _schedule(wanted(aspect_ratio=-1), "1M")
    sizes = [("infinity_8b_512x512_weights", "8B"), ("infinity_8b_weights", "8B"), ("mine.pth", "125M"), ("x", None)]
    assert [_default_preset(Path(name), size) for name, size in sizes] == ["0.25M", "1M", "0.06M", "1M"]


def test_releases_name_their_autoencoders_and_sizes() -> None:
    releases = FAMILY.releases["FoundationVision/Infinity"]
    files = {name: (entry.file, entry.tokenizer_file) for name, entry in releases.items()}
    assert files["2b-1024"] == ("infinity_2b_reg.pth", "infinity_vae_d32reg.pth")
    assert files["8b-512"] == ("infinity_8b_512x512_weights/", "infinity_vae_d56_f8_14_patchify.pth")
    for name, entry in releases.items():
        assert entry.image_size == int(name.rsplit("-", 1)[1])
