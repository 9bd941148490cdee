"""What was drawn, at random."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.verifier.drawn.completions import completions_of
from training.verifier.drawn.parts import Holding, save
from training.verifier.drawn.prompts import SEED, training_prompts, words_of
from training.verifier.drawn.stored import Outcomes


def columns_of(rows: int, seed: int = 0) -> dict[str, Any]:
    """Of so many trajectories of the next-token model, whose rewards are 0, 1, 2 and so on."""
    rng = np.random.default_rng(seed)
    return {
        "codes": rng.integers(0, 1024, (rows, 144)).astype(np.int16),
        "C": rng.random((rows, 144)),
        "reward": np.arange(rows, dtype=np.float32),
        "right": np.arange(rows, dtype=np.float32) % 2,
    }


def stored(path: Path, prompts: int, trajectories: int = 2, seed: int = SEED["embedded"]) -> None:
    """A file of :mod:`training.verifier.drawn.collect`, without states."""
    save(path, columns_of(prompts * trajectories), Holding(prompts, trajectories, seed))


def tiny_outcomes(count: int) -> Outcomes:
    """Of so many prompts, two trajectories each."""
    prompts, columns = training_prompts(count, 1), columns_of(2 * count)
    codes, confidence, reward, right = (torch.from_numpy(part).unflatten(0, (count, 2)) for part in columns.values())
    return Outcomes(codes.long(), words_of(prompts), reward, right, confidence[..., :5].numpy(), prompts)


def completed(work_dir: Path, outcomes: Outcomes, labels: Mapping[int, np.ndarray], *, completions: int = 3) -> Path:
    """The folder of completions of the next-token model, with files of some prompts by their numbers."""
    folder = completions_of(work_dir, "embedded")
    folder.mkdir(parents=True, exist_ok=True)
    for number, told in labels.items():
        np.savez(
            folder / f"{number:05d}.npz",
            lengths=np.array([4, 8]),
            labels=told,
            completions=completions,
            prompt=np.array(outcomes.prompts[number]),
        )
    return folder
