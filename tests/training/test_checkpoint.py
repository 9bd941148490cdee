"""State of a training on disk."""

from pathlib import Path
from pickle import PicklingError

import pytest
import torch

from training.checkpoint import Checkpoint


def test_training_continues_with_the_state_of_all_parts(tmp_path: Path) -> None:
    saved, restored = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    checkpoint = Checkpoint(tmp_path / "folder" / "state.pt")
    assert checkpoint.restore({"model": restored}) == 0
    checkpoint.save_parts(7, {"model": saved})
    assert checkpoint.restore({"model": restored}) == 7
    assert torch.equal(restored.weight, saved.weight)


def test_a_save_that_fails_leaves_the_last_one_and_nothing_else(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "state.pt")
    assert checkpoint.load() is None
    checkpoint.save({"step": 3})
    with pytest.raises((AttributeError, PicklingError)):
        checkpoint.save({"step": 4, "model": lambda: None})
    assert checkpoint.load() == {"step": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]
