import numpy as np
import torch

from scalingar.core.pixels import all_rounded, from_levels, rounded


def test_several_pictures_are_rounded_as_one_is() -> None:
    pictures = torch.rand(3, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 2.4 - 1.2
    together = all_rounded(pictures)
    for picture, image in zip(pictures, together, strict=True):
        levels = np.trunc(np.clip(picture.numpy() * np.float32(127.5) + np.float32(128), 0, 255)).astype(np.uint8)
        assert image.size == (5, 4)
        np.testing.assert_array_equal(np.asarray(image), levels.transpose(1, 2, 0))
        assert image.tobytes() == rounded(picture).tobytes()


def test_channels_come_last() -> None:
    levels = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert from_levels(levels)[0].getpixel((1, 1)) == (10, 20, 30)
