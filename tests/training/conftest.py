from pathlib import Path

import numpy as np
import pytest

from scalingar.models.embedded.vocabulary import OBJECT_CLASSES
from training.world.scenes import Sprites


@pytest.fixture(scope="session")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder whose drawings are opaque random colours with a transparent frame."""
    folder = tmp_path_factory.mktemp("training")
    rng = np.random.default_rng(0)
    rgba = np.zeros((len(OBJECT_CLASSES), 64, 64, 4), np.uint8)
    rgba[:, 8:56, 8:56, :3] = rng.integers(0, 256, (len(OBJECT_CLASSES), 48, 48, 3))
    rgba[:, 8:56, 8:56, 3] = 255
    np.savez(folder / "art.npz", names=np.array(OBJECT_CLASSES), rgba=rgba)
    return folder


@pytest.fixture(scope="session")
def sprites(work_dir: Path) -> Sprites:
    return Sprites(work_dir / "art.npz")
