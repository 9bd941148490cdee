"""Resumable training state on disk."""

import time
from pathlib import Path
from typing import Any

import torch


class Checkpoint:
    """A file that is replaced in one move every ``minutes``, so that a killed run loses little and never tears it."""

    def __init__(self, path: Path, minutes: float = 3.0) -> None:
        self.path = path
        self.minutes = minutes
        self._saved_at = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        return torch.load(self.path, map_location="cpu", weights_only=True)

    @property
    def due(self) -> bool:
        return time.monotonic() - self._saved_at > self.minutes * 60

    def save(self, state: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.path)
        self._saved_at = time.monotonic()
