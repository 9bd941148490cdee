"""What becomes of files when more prompts are asked for, without the generator."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from training.verifier.drawn import collect
from training.verifier.drawn.parts import STATES, Holding
from training.verifier.drawn.prompts import training_prompts


def drawn(prompts: list[str], *, strategy: Any, seed: list[int], output_type: str) -> Any:
    """Candidates whose rewards are their seeds."""
    some = [
        SimpleNamespace(
            trace={"C": np.zeros(3), "log_p": np.zeros(3)},
            rewards={"embedded": float(own + number)},
            codes=torch.zeros(3),
        )
        for own in seed
        for number in range(strategy.num_trajectories)
    ]
    states = collect.States([torch.zeros(strategy.num_trajectories, 4)], [torch.ones(strategy.num_trajectories, 4)])
    collect.RECORDINGS.extend(SimpleNamespace(states=states) for _ in prompts)  # type: ignore[misc]
    return SimpleNamespace(candidates=[some])


def test_a_half_file_is_completed_and_a_whole_one_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "ImagePipeline", SimpleNamespace(from_pretrained=lambda model: drawn))
    monkeypatch.setattr(collect, "EmbeddedDetector", lambda: None)
    monkeypatch.setattr(collect, "verdicts", lambda judge, prompts, images: np.zeros(2 * len(prompts)))
    folder = tmp_path / STATES.folder
    folder.mkdir(parents=True)
    collect.fill(folder, Holding(6, 2, 7))
    whole, half = (folder / name for name in ("00000.npz", "00004.npz"))
    written = whole.stat().st_mtime_ns, half.stat().st_mtime_ns
    collect.fill(folder, Holding(9, 2, 7))
    assert whole.stat().st_mtime_ns == written[0]
    assert half.stat().st_mtime_ns > written[1]
    read = STATES.load(tmp_path)
    assert read.prompts == training_prompts(9, 7)
    assert read.columns["reward"].tolist() == [[7e6 + 100 * number, 7e6 + 100 * number + 1] for number in range(9)]
    assert (read.columns["last"].shape, read.columns["mean"].shape) == ((9, 2, 1, 4), (9, 2, 1, 4))
