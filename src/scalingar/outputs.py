"""What a run hands back: candidates with their traces, the chosen images, and what it all cost."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class Cut:
    """Where and why a trajectory was given up."""

    step: int
    """Index of the step whose code was no longer drawn; so many codes exist."""
    reason: str


@dataclass
class Candidate:
    """One trajectory, finished or cut."""

    prompt: str
    index: int
    """Its number among the prompt's trajectories; with the seed, all that is needed to draw it again."""
    codes: Tensor
    """``(t,)``, the codes drawn."""
    cut: Cut | None
    signals: dict[str, float]
    """Running signals at its last step, by name (see ``profile.signals``)."""
    trace: dict[str, NDArray[np.float32]]
    """Step-wise values ``(t,)`` by the paper's letters, θ and the guidance scale ``s`` among them."""
    image: Image.Image | None = None
    """None where no image was needed: cut, or finished but neither judged nor chosen. See ``ImagePipeline.preview``."""
    rewards: dict[str, float] = field(default_factory=dict)
    """What rewards said, by their names."""

    @property
    def finished(self) -> bool:
        """It was decoded to its last code."""
        return self.cut is None

    @property
    def tokens(self) -> int:
        """Codes drawn."""
        return len(self.codes)

    @property
    def fate(self) -> str:
        """In a few words."""
        return "finished" if self.cut is None else f"cut at step {self.cut.step}: {self.cut.reason}"


@dataclass
class Ledger:
    """Costs, counted while they arise."""

    tokens: int = 0
    """Codes drawn, all trajectories together."""
    forward_rows: int = 0
    """Rows that went through the transformer to decode codes: one per code and branch."""
    prefill_rows: int = 0
    """Rows of condition prefixes: one per prompt and branch."""
    decodes: int = 0
    """Images decoded from codes."""
    reward_calls: int = 0
    """Images a learned reward looked at."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock seconds per phase: prefill, transformer, policy, sampling, select, decode, reward."""
    peak_bytes: int = 0
    """Most bytes the live trajectories held at once: caches, logits and codes."""

    def add(self, other: "Ledger") -> None:
        """Sum everything, keep the larger peak."""
        self.tokens += other.tokens
        self.forward_rows += other.forward_rows
        self.prefill_rows += other.prefill_rows
        self.decodes += other.decodes
        self.reward_calls += other.reward_calls
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)
        for phase, seconds in other.seconds.items():
            self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    @property
    def total_seconds(self) -> float:
        """All phases together."""
        return sum(self.seconds.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return {**asdict(self), "total_seconds": self.total_seconds}


@dataclass
class PromptResult:
    """All that happened for one prompt."""

    prompt: str
    seed: int
    candidates: list[Candidate]
    """In order of their index."""
    chosen: int
    """Index of the candidate the strategy picked."""

    @property
    def best(self) -> Candidate:
        """The chosen candidate."""
        return self.candidates[self.chosen]


@dataclass
class ImageOutput:
    """The result of a pipeline call, prompts in the order given."""

    images: list[Any]
    """The chosen image of each prompt and repeat: PIL images, arrays, tensors or codes, as ``output_type`` asked."""
    results: list[PromptResult]
    ledger: Ledger

    @property
    def candidates(self) -> list[list[Candidate]]:
        """Every trajectory of every prompt and repeat."""
        return [result.candidates for result in self.results]
