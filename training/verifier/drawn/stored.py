"""What was drawn of each prompt, read again."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from scalingar.analysis.verifiers.examination import LENGTHS, Table
from training.verifier.drawn.parts import OUTCOMES, STATES
from training.verifier.drawn.prompts import words_of


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
    prompts: Sequence[str]

    @classmethod
    def drawn(cls, args: argparse.Namespace) -> "Outcomes":
        """Those of a model."""
        stored = next(one for one in (STATES, OUTCOMES) if one.model == args.model).load(args.work_dir)
        columns = [torch.from_numpy(stored.columns[name]) for name in ("codes", "reward", "right")]
        steps = stored.columns["C"].shape[2]
        confidence = stored.columns["C"][:, :, [max(0, math.ceil(share * steps) - 1) for share in LENGTHS]]
        codes, prompts = columns[0].long(), stored.prompts
        return cls(codes, words_of(prompts), columns[1].float(), columns[2].float(), confidence, prompts)

    def some(self, chosen: Bool[Tensor, " p"]) -> "Outcomes":
        """Some of the prompts."""
        columns = self.codes[chosen], self.words[chosen], self.reward[chosen], self.right[chosen]
        prompts = [prompt for prompt, taken in zip(self.prompts, chosen.tolist(), strict=True) if taken]
        return Outcomes(*columns, self.confidence[chosen.numpy()], prompts)

    def __len__(self) -> int:
        return len(self.words)
