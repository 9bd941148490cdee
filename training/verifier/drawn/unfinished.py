"""Pictures of unfinished images, with the reward of what became of them.

``python -m training.verifier.drawn.unfinished``
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from scalingar.core.files import replacing, sweep
from scalingar.core.locks import sole_writer
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies.best_of_n import BestOfN
from training.verifier.drawn.prompts import SEED, TOGETHER, missing, seeds, training_prompts
from training.workdir import add_work_dir, announce

MODEL = "embedded-next-scale"
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
    def load(cls, folder: Path, prompts: list[str]) -> "Unfinished":
        """All files of :func:`fill`."""
        files = [folder / f"{first:05d}.npz" for first in range(0, len(prompts), TOGETHER)]
        parts = [np.load(file) for file in files]

        def column(name: str) -> Tensor:
            whole = torch.from_numpy(np.concatenate([part[name] for part in parts]))
            return whole.unflatten(0, (len(prompts), TRAJECTORIES))

        return cls(prompts, {scale: column(f"pictures{scale}") for scale in SCALES}, column("reward"))


def fill(folder: Path, prompts: list[str]) -> None:
    """Draw what is missing, with a progress bar."""
    pipe, strategy = ImagePipeline.from_pretrained(MODEL), BestOfN(num_trajectories=TRAJECTORIES, reward="embedded")
    ends = np.cumsum([height * width for height, width in pipe.grids])
    for path, first in track(list(missing(folder, prompts)), description="drawing"):
        part = prompts[first : first + TOGETHER]
        output = pipe(part, strategy=strategy, seed=seeds(MODEL, first, len(part)), output_type="codes")
        candidates = [candidate for some in output.candidates for candidate in some]
        columns = {"reward": np.array([one.rewards["embedded"] for one in candidates], np.float32)}
        for scale in SCALES:
            with torch.inference_mode():
                seen = torch.cat([pipe.decode(one.codes[None, : ends[scale]]) for one in candidates])
            columns[f"pictures{scale}"] = ((seen.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    args = parser.parse_args()
    folder = args.work_dir / "unfinished"
    folder.mkdir(parents=True, exist_ok=True)
    prompts = training_prompts(args.prompts, SEED[MODEL])
    with sole_writer(folder):
        sweep(folder)
        fill(folder, prompts)
    announce(f"{len(prompts)} prompts are in {folder}")


if __name__ == "__main__":
    main()
