"""The result of a run for each prompt: candidates with their traces, the chosen one, and the costs."""

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
"""Longest quotation in a message, in characters."""


@dataclass(frozen=True)
class Cut:
    """Where and why a trajectory was given up."""

    step: int
    """Index of the first step that was not drawn."""
    reason: str


@dataclass(frozen=True)
class Truncation:
    """How much of a prompt a reward reads."""

    tokens: int
    """Length of the whole prompt, first and last special token included."""
    limit: int
    """How many of them are read."""
    unread: str
    """The rest of the text, which cannot change a score."""

    def describe(self, prompt: str) -> str:
        """A message for the user."""
        return (
            f"reads {self.limit} of the {self.tokens} tokens of {_shortened(prompt)!r}; "
            f"it does not see {_shortened(self.unread)!r}"
        )


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@dataclass(repr=False)
class Candidate:
    """One trajectory, finished or cut."""

    prompt: str
    index: int
    """Its number among the prompt's trajectories; with the seed, enough to draw it again."""
    codes: Tensor
    """The codes drawn: ``(t,)``, or ``(t, g)`` of next-scale models, whose tokens have g codes each."""
    cut: Cut | None
    signals: dict[str, float]
    """Running signals at its last step, by name (see ``profile.signals``)."""
    trace: dict[str, NDArray[np.float32]]
    """Values per step ``(t,)`` by the paper's letters, including θ and the guidance scale ``s``. Next-scale
    models have one value per scale, including ``reward`` where it was computed; NaN where a value is missing."""
    image: Image.Image | None = None
    """None where no image was needed: cut, or finished but neither judged nor chosen. See ``ImagePipeline.preview``."""
    pixels: Tensor | None = None
    """The image before rounding to 8 bits, ``(3, h, w)`` in [-1, 1]; only if requested."""
    rewards: dict[str, float] = field(default_factory=dict)
    """Score by reward name."""
    parent: int | None = None
    """The trajectory it was forked or continued from, identical up to step ``born``."""
    born: int = 0
    """Its first own step."""
    inherited: int = 0
    """Number of its codes that its parent drew."""

    def __repr__(self) -> str:
        """One line: codes, traces and pixels would fill a screen."""
        scores = "".join(f", {name} {value:.3f}" for name, value in self.rewards.items())
        return f"<Candidate #{self.index} of {_shortened(self.prompt)!r}: {self.tokens} tokens, {self.fate}{scores}>"

    @property
    def finished(self) -> bool:
        """It was decoded to its last code."""
        return self.cut is None

    @property
    def tokens(self) -> int:
        """Number of its codes, inherited ones included."""
        return len(self.codes)

    @property
    def drawn(self) -> int:
        """Number of codes drawn for it alone, which is its cost."""
        return self.tokens - self.inherited

    @property
    def step_name(self) -> str:
        """``step`` or ``scale``."""
        return "step" if self.codes.ndim == 1 else "scale"

    @property
    def fate(self) -> str:
        """How it ended: ``finished``, or the step and reason of its cut."""
        return "finished" if self.cut is None else f"cut at {self.step_name} {self.cut.step}: {self.cut.reason}"


@dataclass
class Ledger:
    """Costs of a run."""

    tokens: int = 0
    """Tokens drawn, over all trajectories."""
    preview_tokens: int | None = None
    """Those among them that belong to previews; None for a model that draws none."""
    forward_rows: int = 0
    """Rows that went through the transformer to decode codes: per step every place of the batch in every branch, times
    the tokens of a scale. Places that are free until the next trajectory takes them are computed and count; so this may
    exceed ``tokens`` times the number of branches."""
    prefill_rows: int = 0
    """Rows of condition prefixes: one per prompt and branch."""
    decodes: int = 0
    """Images decoded from codes."""
    reward_calls: int = 0
    """Images scored by a learned reward."""
    feature_calls: int = 0
    """Images described by features."""
    requests: int = 0
    """Requests to models behind endpoints, for rewards that ask one; an answer that was kept takes none."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock seconds per phase: prefill, transformer, policy, sampling, select, decode, reward, features."""
    peak_bytes: int = 0
    """Peak memory of the live trajectories: caches, logits and codes."""

    def add(self, other: "Ledger") -> None:
        """Add the other's costs; the peak is the larger of both."""
        self.tokens += other.tokens
        if other.preview_tokens is not None:
            self.preview_tokens = (self.preview_tokens or 0) + other.preview_tokens
        self.forward_rows += other.forward_rows
        self.prefill_rows += other.prefill_rows
        self.decodes += other.decodes
        self.reward_calls += other.reward_calls
        self.feature_calls += other.feature_calls
        self.requests += other.requests
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)
        for phase, seconds in other.seconds.items():
            self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add a block's wall-clock time to a phase, without the time of timed blocks inside it."""
        started, before = time.perf_counter(), self.total_seconds
        yield
        inside = self.total_seconds - before
        self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - started - inside

    @property
    def total_seconds(self) -> float:
        """All phases together."""
        return sum(self.seconds.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON; without a count that the model does not have."""
        counts = {name: value for name, value in asdict(self).items() if value is not None}
        return {**counts, "total_seconds": self.total_seconds}


@dataclass(repr=False)
class PromptResult:
    """The result for one prompt."""

    prompt: str
    seed: int
    candidates: list[Candidate]
    """In order of their index."""
    chosen: int
    """Index of the candidate the strategy picked."""
    truncated: dict[str, Truncation] = field(default_factory=dict)
    """What rewards did not read of the prompt, by reward name."""
    second_prompt: str | None = None
    """What guided beside the prompt; None: nothing did."""

    def __repr__(self) -> str:
        """One line."""
        cut = sum(not candidate.finished for candidate in self.candidates)
        return (
            f"<PromptResult of {_shortened(self.prompt)!r}, seed {self.seed}: #{self.chosen} of "
            f"{len(self.candidates)} trajectories, {cut} cut>"
        )

    @property
    def best(self) -> Candidate:
        """The chosen candidate."""
        return self.candidates[self.chosen]
