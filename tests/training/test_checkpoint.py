"""State of a training on disk."""

from pathlib import Path

import torch

from training.checkpoint import Checkpoint


def test_training_continues_with_the_state_of_all_parts(tmp_path: Path) -> None:
    saved, restored = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    checkpoint = Checkpoint(tmp_path / "folder" / "state.pt")
    assert checkpoint.restore({"model": restored}) == 0
    checkpoint.save_parts(7, {"model": saved})
    assert checkpoint.restore({"model": restored}) == 7
    assert torch.equal(restored.weight, saved.weight)
