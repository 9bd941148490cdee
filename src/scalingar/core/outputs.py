"""What a run leaves of each prompt: candidates with their traces, which was chosen, and what it all cost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

_SHOWN = 60
"""Characters of a text in a message."""


@dataclass(frozen=True)
class Cut:
    """Where and why a trajectory was given up."""

    step: int
    """Index of the step whose code was no longer drawn; so many codes exist."""
    reason: str


@dataclass(frozen=True)
class Truncation:
    """How much of a prompt a reward reads."""

    tokens: int
    """Of the whole prompt, first and last mark included."""
    limit: int
    """Of these it reads so many."""
    unread: str
    """The text behind them; nothing in it can change a score."""

    def told(self, prompt: str) -> str:
        """In a clause."""
        return (
            f"reads {self.limit} of the {self.tokens} tokens of {_shortened(prompt)!r}; "
            f"it does not see {_shortened(self.unread)!r}"
        )


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@dataclass
class Candidate:
    """One trajectory, finished or cut."""

    prompt: str
    index: int
    """Its number among the prompt's trajectories; with the seed, all that is needed to draw it again."""
    codes: Tensor
    """The codes drawn: ``(t,)``, or ``(t, g)`` of next-scale models, whose tokens have g codes each."""
    cut: Cut | None
    signals: dict[str, float]
    """Running signals at its last step, by name (see ``profile.signals``)."""
    trace: dict[str, NDArray[np.float32]]
    """Step-wise values ``(t,)`` by the paper's letters, θ and the guidance scale ``s`` among them. Of next-scale
    models one value per scale, ``reward`` among them where it was asked for; NaN where a value was not taken."""
    image: Image.Image | None = None
    """None where no image was needed: cut, or finished but neither judged nor chosen. See ``ImagePipeline.preview``."""
    pixels: Tensor | None = None
    """The image before rounding to 8 bits, ``(3, h, w)`` in [-1, 1], where that was asked for."""
    rewards: dict[str, float] = field(default_factory=dict)
    """What rewards said, by their names."""
    parent: int | None = None
    """Of a fork, or one started from a prefix: the trajectory it was the same as, up to its step ``born``."""
    born: int = 0
    """The first step that was its own."""
    inherited: int = 0
    """How many of its codes are its parent's, drawn before that step."""

    @property
    def finished(self) -> bool:
        """It was decoded to its last code."""
        return self.cut is None

    @property
    def tokens(self) -> int:
        """Codes it has, those of its parent among them."""
        return len(self.codes)

    @property
    def drawn(self) -> int:
        """Codes drawn for it alone: what it cost."""
        return self.tokens - self.inherited

    @property
    def step_name(self) -> str:
        """What its steps are."""
        return "step" if self.codes.ndim == 1 else "scale"

    @property
    def fate(self) -> str:
        """In a few words."""
        return "finished" if self.cut is None else f"cut at {self.step_name} {self.cut.step}: {self.cut.reason}"


@dataclass
class Ledger:
    """Costs, counted while they arise."""

    tokens: int = 0
    """Tokens drawn, all trajectories together."""
    forward_rows: int = 0
    """Rows that went through the transformer to decode codes: one per token and branch."""
    prefill_rows: int = 0
    """Rows of condition prefixes: one per prompt and branch."""
    decodes: int = 0
    """Images decoded from codes."""
    reward_calls: int = 0
    """Images a learned reward looked at."""
    feature_calls: int = 0
    """Images described by features."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock seconds per phase: prefill, transformer, policy, sampling, select, decode, reward, features."""
    peak_bytes: int = 0
    """Most bytes the live trajectories held at once: caches, logits and codes."""

    def add(self, other: "Ledger") -> None:
        """Sum everything, keep the larger peak."""
        self.tokens += other.tokens
        self.forward_rows += other.forward_rows
        self.prefill_rows += other.prefill_rows
        self.decodes += other.decodes
        self.reward_calls += other.reward_calls
        self.feature_calls += other.feature_calls
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)
        for phase, seconds in other.seconds.items():
            self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the wall-clock time of a block to a phase, without what blocks inside it add to others."""
        started, before = time.perf_counter(), self.total_seconds
        yield
        inside = self.total_seconds - before
        self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - started - inside

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
    truncated: dict[str, Truncation] = field(default_factory=dict)
    """Rewards that did not read the whole prompt, by their names."""

    @property
    def best(self) -> Candidate:
        """The chosen candidate."""
        return self.candidates[self.chosen]
