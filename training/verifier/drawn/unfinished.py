"""Pictures of unfinished images, with the reward of what became of them.

``python -m training.verifier.drawn.unfinished``
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from scalingar.core.locks import sole_writer
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies.best_of_n import BestOfN
from training.verifier.drawn.parts import UNFINISHED, Holding, save
from training.verifier.drawn.prompts import SEED, TOGETHER, seeds, training_prompts
from training.workdir import add_work_dir, announce

TRAJECTORIES = 8
"""Of a prompt."""
SCALES = (4, 5, 7, 9)
"""After which pictures are kept: 5 x 5, 6 x 6, 8 x 8, and 12 x 12, the finished image."""
PROMPTS = 320


@dataclass(frozen=True)
class Unfinished:
    """Of ``p`` prompts: ``pictures`` ``(p, n, 3, h, w)`` in 8 bits after each of :data:`SCALES`, ``reward`` ``(p, n)``
    of the finished images.
    """

    prompts: list[str]
    pictures: dict[int, Tensor]
    reward: Tensor

    def __len__(self) -> int:
        return len(self.prompts)

    @classmethod
    def load(cls, work_dir: Path) -> "Unfinished":
        """All files of :func:`fill`."""
        stored = UNFINISHED.load(work_dir)
        pictures = {scale: torch.from_numpy(stored.columns[f"pictures{scale}"]) for scale in SCALES}
        return cls(stored.prompts, pictures, torch.from_numpy(stored.columns["reward"]))


def fill(folder: Path, wanted: Holding) -> None:
    """Draw what is missing, with a progress bar."""
    missing, prompts = list(UNFINISHED.missing(folder, wanted)), training_prompts(wanted.prompts, wanted.seed)
    pipe = ImagePipeline.from_pretrained(UNFINISHED.model)
    strategy = BestOfN(num_trajectories=wanted.trajectories, reward="embedded")
    ends = np.cumsum([height * width for height, width in pipe.grids])
    for path, first in track(missing, description="drawing"):
        part = prompts[first : first + TOGETHER]
        output = pipe(part, strategy=strategy, seed=seeds(UNFINISHED.model, first, len(part)), output_type="codes")
        candidates = [candidate for some in output.candidates for candidate in some]
        columns = {"reward": np.array([one.rewards["embedded"] for one in candidates], np.float32)}
        for scale in SCALES:
            with torch.inference_mode():
                seen = torch.cat([pipe.decode(one.codes[None, : ends[scale]]) for one in candidates])
            columns[f"pictures{scale}"] = ((seen.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
        save(path, columns, replace(wanted, prompts=len(part)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    args = parser.parse_args()
    folder = args.work_dir / UNFINISHED.folder
    folder.mkdir(parents=True, exist_ok=True)
    with sole_writer(folder):
        fill(folder, Holding(args.prompts, TRAJECTORIES, SEED[UNFINISHED.model]))
    announce(f"{args.prompts} prompts are in {folder}")


if __name__ == "__main__":
    main()
