"""Images of the embedded next-scale model, with what became of them: ``python -m training.verifier.drawn.outcomes``.

As :mod:`training.verifier.drawn.collect` of the next-token model, without states: codes, confidences, rewards, and the
detector's verdicts.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from scalingar.bench.judges.detectors.embedded_detector import EmbeddedDetector
from scalingar.core.files import replacing, sweep
from scalingar.core.locks import sole_writer
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies.best_of_n import BestOfN
from training.verifier.drawn.collect import verdicts
from training.verifier.drawn.prompts import SEED, TOGETHER, missing, seeds, training_prompts
from training.workdir import add_work_dir, announce

MODEL = "embedded-next-scale"
PROMPTS = 392


def fill(folder: Path, prompts: list[str], trajectories: int) -> None:
    """Draw what is missing, with a progress bar."""
    pipe, judge = ImagePipeline.from_pretrained(MODEL), EmbeddedDetector()
    strategy = BestOfN(num_trajectories=trajectories, reward="embedded")
    for path, first in track(list(missing(folder, prompts)), description="drawing"):
        part = prompts[first : first + TOGETHER]
        output = pipe(part, strategy=strategy, seed=seeds(MODEL, first, len(part)), output_type="codes")
        candidates = [candidate for some in output.candidates for candidate in some]
        columns: dict[str, Any] = {
            "codes": np.stack([candidate.codes.flatten().numpy() for candidate in candidates]).astype(np.int16),
            "C": np.stack([candidate.trace["C"] for candidate in candidates]),
            "reward": np.array([candidate.rewards["embedded"] for candidate in candidates], np.float32),
            "right": verdicts(judge, part, output.candidates).astype(np.float32),
        }
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(file, **columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    parser.add_argument("--trajectories", type=int, default=8, help="of each prompt")
    args = parser.parse_args()
    folder = args.work_dir / "verifier" / "outcomes"
    folder.mkdir(parents=True, exist_ok=True)
    prompts = training_prompts(args.prompts, SEED[MODEL])
    with sole_writer(folder):
        sweep(folder)
        fill(folder, prompts, args.trajectories)
    announce(f"{len(prompts)} prompts are in {folder}")


if __name__ == "__main__":
    main()
