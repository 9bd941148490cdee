"""The averaged weights of a training stage, ``STAGE.weights.pt``, beside its checkpoint, ``STAGE.pt``."""

from pathlib import Path
from typing import Any

import torch

from training.checkpoint import Checkpoint


def trained(work_dir: Path, stage: str) -> dict[str, Any]:
    """The averaged weights that a stage has left, with their configuration.

    Raises SystemExit: there are none, or the checkpoint is of a later step. (Tokenizers of before told no step.)
    """
    path, checkpoint = work_dir / f"{stage}.weights.pt", Checkpoint(work_dir / f"{stage}.pt")
    if not path.exists():
        raise SystemExit(f"{path} is missing; train the {stage} first")
    saved: dict[str, Any] = torch.load(path, weights_only=True)
    state = checkpoint.load()
    if state is not None and saved.get("step", state["step"]) < state["step"]:
        raise SystemExit(
            f"{path} is of step {saved['step']}, and {checkpoint.path} of step {state['step']}; let the training of "
            f"the {stage} come to its end first"
        )
    return saved
