"""Hidden states of the embedded model at several lengths of a prefix, with what became of the image.

What became of it: its reward, by which a verifier is taught, and the detector's verdict, by which it is only examined.
"""

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rich.progress import track
from torch import Tensor

from scalingar.analysis.verifiers.examination import stops
from scalingar.bench.benchmarks.geneval.geneval import GenEval
from scalingar.bench.benchmarks.geneval.prompts import spell_out
from scalingar.bench.judges.detectors.embedded_detector import EmbeddedDetector
from scalingar.core.locks import sole_writer
from scalingar.core.outputs import Candidate
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies.best_of_n import BestOfN
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Search, Step
from scalingar.strategies.setting import Setting
from training.verifier.drawn.parts import STATES, Holding, save
from training.verifier.drawn.prompts import SEED, TOGETHER, seeds, training_prompts
from training.workdir import add_work_dir, announce


class Recorded(BestOfN):
    """Best-of-N that keeps, per image, the hidden states at each length: of the last step, and the mean so far."""

    def needs(self) -> Needs:
        """Reward and states."""
        return Needs(rewarded=True, reward=self.reward, states=True)

    def search(self, setting: Setting) -> "Recording":
        """A new search for one image."""
        return Recording(self, setting)


@dataclass
class States:
    """``last`` and ``mean`` at each of :data:`LENGTHS`, ``(n, d)`` each."""

    last: list[Tensor] = field(default_factory=list)
    mean: list[Tensor] = field(default_factory=list)


class Recording(Search):
    """The search for one image."""

    def __init__(self, strategy: Recorded, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.stops = stops(setting.total_steps)
        self.total: Tensor | None = None
        self.states = States()

    def before_draw(self, step: Step) -> None:
        """Add this step's states."""
        if step.position == 0:
            RECORDINGS.append(self)
        states = step.states
        self.total = states.double() if self.total is None else self.total + states
        if step.position in self.stops:
            self.states.last.append(states)
            self.states.mean.append((self.total / (step.position + 1)).float())


RECORDINGS: list[Recording] = []
"""Of the call under way, one per image, in order."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--prompts", type=int, default=392)
    parser.add_argument("--trajectories", type=int, default=8, help="of each prompt")
    parser.add_argument("--seed", type=int, default=SEED[STATES.model], help="of the prompts")
    args = parser.parse_args()
    folder = args.work_dir / STATES.folder
    folder.mkdir(parents=True, exist_ok=True)
    with sole_writer(folder):
        fill(folder, Holding(args.prompts, args.trajectories, args.seed))
    announce(f"{args.prompts} prompts are in {folder}")


def fill(folder: Path, wanted: Holding) -> None:
    """Draw what is missing, with a progress bar."""
    missing, prompts = list(STATES.missing(folder, wanted)), training_prompts(wanted.prompts, wanted.seed)
    pipe, judge = ImagePipeline.from_pretrained(STATES.model), EmbeddedDetector()
    strategy = Recorded(num_trajectories=wanted.trajectories, reward="embedded")
    for path, first in track(missing, description="drawing"):
        part = prompts[first : first + TOGETHER]
        RECORDINGS.clear()
        output = pipe(part, strategy=strategy, seed=seeds(STATES.model, first, len(part)), output_type="codes")
        candidates = [candidate for some in output.candidates for candidate in some]
        right = verdicts(judge, part, output.candidates)
        columns = columns_of([recording.states for recording in RECORDINGS], candidates, right)
        save(path, columns, replace(wanted, prompts=len(part)))


def verdicts(judge: EmbeddedDetector, prompts: list[str], images: list[list[Candidate]]) -> Float[np.ndarray, " n"]:
    """1 for each image that shows its prompt, by the detector, else 0; one prompt's after the other's."""
    benchmark = GenEval(judge, prompts=[spell_out(prompt) for prompt in prompts])
    right = [
        [verdict.points for verdict in benchmark.score(item, [one.image for one in some if one.image is not None])]
        for item, some in zip(benchmark.items(), images, strict=True)
    ]
    return np.concatenate(right)


def columns_of(
    states: list[States], candidates: list[Candidate], right: Float[np.ndarray, " n"]
) -> dict[str, np.ndarray]:
    """Per trajectory ``last`` and ``mean`` ``(n, 5, d)``, ``C`` and ``log_p`` ``(n, t)``, ``reward``, ``right`` by the
    detector, and ``codes``.
    """
    return {
        "last": np.concatenate([np.stack([part.numpy() for part in one.last], 1) for one in states]),
        "mean": np.concatenate([np.stack([part.numpy() for part in one.mean], 1) for one in states]),
        "C": np.stack([candidate.trace["C"] for candidate in candidates]),
        "log_p": np.stack([candidate.trace["log_p"] for candidate in candidates]),
        "reward": np.array([candidate.rewards["embedded"] for candidate in candidates], np.float32),
        "right": right.astype(np.float32),
        "codes": np.stack([candidate.codes.numpy() for candidate in candidates]).astype(np.int16),
    }


if __name__ == "__main__":
    main()
