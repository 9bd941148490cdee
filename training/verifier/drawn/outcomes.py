"""Images of the embedded next-scale model, with what became of them: ``python -m training.verifier.drawn.outcomes``.

As :mod:`training.verifier.drawn.collect` of the next-token model, without states: codes, confidences, rewards, and the
detector's verdicts.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.progress import track

from scalingar.bench.judges.detectors.embedded_detector import EmbeddedDetector
from scalingar.core.locks import sole_writer
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies.best_of_n import BestOfN
from training.verifier.drawn.collect import verdicts
from training.verifier.drawn.parts import OUTCOMES, Holding, save
from training.verifier.drawn.prompts import SEED, TOGETHER, seeds, training_prompts
from training.workdir import add_work_dir, announce

PROMPTS = 392


def fill(folder: Path, wanted: Holding) -> None:
    """Draw what is missing, with a progress bar."""
    missing, prompts = list(OUTCOMES.missing(folder, wanted)), training_prompts(wanted.prompts, wanted.seed)
    pipe, judge = ImagePipeline.from_pretrained(OUTCOMES.model), EmbeddedDetector()
    strategy = BestOfN(num_trajectories=wanted.trajectories, reward="embedded")
    for path, first in track(missing, description="drawing"):
        part = prompts[first : first + TOGETHER]
        output = pipe(part, strategy=strategy, seed=seeds(OUTCOMES.model, first, len(part)), output_type="codes")
        candidates = [candidate for some in output.candidates for candidate in some]
        columns = {
            "codes": np.stack([candidate.codes.flatten().numpy() for candidate in candidates]).astype(np.int16),
            "C": np.stack([candidate.trace["C"] for candidate in candidates]),
            "reward": np.array([candidate.rewards["embedded"] for candidate in candidates], np.float32),
            "right": verdicts(judge, part, output.candidates).astype(np.float32),
        }
        save(path, columns, replace(wanted, prompts=len(part)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    parser.add_argument("--trajectories", type=int, default=8, help="of each prompt")
    args = parser.parse_args()
    folder = args.work_dir / OUTCOMES.folder
    folder.mkdir(parents=True, exist_ok=True)
    with sole_writer(folder):
        fill(folder, Holding(args.prompts, args.trajectories, SEED[OUTCOMES.model]))
    announce(f"{args.prompts} prompts are in {folder}")


if __name__ == "__main__":
    main()
