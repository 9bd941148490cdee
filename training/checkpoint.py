"""Resumable training state on disk."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from training.workdir import announce
from training.writing import replaced


class Checkpoint:
    """A file that is replaced atomically every ``minutes``, so that a killed run loses little."""

    def __init__(self, path: Path, minutes: float = 3.0) -> None:
        self.path = path
        self.minutes = minutes
        self._saved_at = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        return torch.load(self.path, map_location="cpu", weights_only=True)

    def restore(self, parts: Mapping[str, Any]) -> int:
        """Load the state of all parts, if there is one; returns the step at which training continues."""
        if (state := self.load()) is None:
            return 0
        for name, part in parts.items():
            part.load_state_dict(state[name])
        announce(f"{self.path.stem}: resumed at step {state['step']}")
        return int(state["step"])

    def save_parts(self, step: int, parts: Mapping[str, Any]) -> None:
        self.save({"step": step} | {name: part.state_dict() for name, part in parts.items()})

    @property
    def due(self) -> bool:
        return time.monotonic() - self._saved_at > self.minutes * 60

    def save(self, state: dict[str, Any]) -> None:
        with replaced(self.path) as file:
            torch.save(state, file)
        self._saved_at = time.monotonic()
