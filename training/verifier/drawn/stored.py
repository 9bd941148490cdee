"""What was drawn of each prompt, read again."""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from scalingar.analysis.verifiers.examination import LENGTHS, Table
from training.verifier.drawn.prompts import SEED, training_prompts, words_of


def load(folder: Path) -> dict[str, np.ndarray]:
    """All files, with an axis of prompts before that of trajectories."""
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise SystemExit(f"{folder} holds no states; run `python -m training.verifier.drawn.collect` first")
    parts = [np.load(path) for path in files]
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0].files}
    reward = together["reward"]
    prompts = len(reward) // int(together["trajectories"][0]) if "trajectories" in together else len(reward) // 8
    return {name: values.reshape(prompts, -1, *values.shape[1:]) for name, values in together.items()}


@dataclass(frozen=True)
class Outcomes:
    """Of ``p`` prompts ``n`` trajectories each: ``codes`` ``(p, n, t)``, ``words`` ``(p, w)``, and ``(p, n)`` each of
    ``reward`` and ``right``, the detector's verdict. ``confidence``: ``(p, n, k)`` at :data:`LENGTHS`.
    """

    codes: Tensor
    words: Tensor
    reward: Tensor
    right: Tensor
    confidence: Table
    seed: int
    """Of the prompts."""

    @classmethod
    def drawn(cls, args: argparse.Namespace) -> "Outcomes":
        """Those of a model."""
        folder, seed = "states" if args.model == "embedded" else "outcomes", SEED[args.model]
        stored = load(args.work_dir / "verifier" / folder)
        columns = [torch.from_numpy(stored[name]) for name in ("codes", "reward", "right")]
        words = words_of(training_prompts(len(stored["reward"]), seed))
        steps = stored["C"].shape[2]
        confidence = stored["C"][:, :, [max(0, math.ceil(share * steps) - 1) for share in LENGTHS]]
        return cls(columns[0].long(), words, columns[1].float(), columns[2].float(), confidence, seed)

    def some(self, chosen: Bool[Tensor, " p"]) -> "Outcomes":
        """Some of the prompts."""
        columns = self.codes[chosen], self.words[chosen], self.reward[chosen], self.right[chosen]
        return Outcomes(*columns, self.confidence[chosen.numpy()], self.seed)

    def __len__(self) -> int:
        return len(self.words)
