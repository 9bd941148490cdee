"""The interface between strategies and the engine: what a search sees at each step and what it can decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, overload

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.core.errors import DecodingError
from scalingar.core.outputs import Candidate
from scalingar.profile.confidence import ConfidenceProfile
from scalingar.profile.statistics.scale_statistics import ScaleStatistics
from scalingar.profile.statistics.token_statistics import TokenStatistics
from scalingar.strategies.needs import Needs
from scalingar.strategies.setting import Setting


class Method(Protocol):
    """What a search asks of its strategy: see :class:`scalingar.strategies.strategy.Strategy`."""

    @property
    def num_trajectories(self) -> int:
        """N."""
        ...

    def needs(self) -> Needs:
        """What the search looks with."""
        ...

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position in ``candidates``, which have finished, of the image to hand out."""
        ...


Columns = Mapping[str, Float[np.ndarray, " n"] | Bool[np.ndarray, " n"]]
"""Values to record, by name: one per row."""


class Looks(Protocol):
    """Scores and describes candidates for a search, counting the costs."""

    def score(self, candidates: list[Candidate]) -> Float[np.ndarray, " n"]:
        """Finite scores by the strategy's reward. Raises ConfigError without a reward."""
        ...

    def describe(self, candidates: list[Candidate]) -> Float[Tensor, "n t d"]:
        """Features of the images. Raises ConfigError without a feature."""
        ...


class Candidates(Sequence[Candidate]):
    """Trajectories as candidates, complete or not; built, scored and described once, on first use."""

    def __init__(self, make: Callable[[], list[Candidate]], looks: Looks) -> None:
        self._make = make
        self._looks = looks
        self._candidates: list[Candidate] | None = None
        self._rewards: Float[np.ndarray, " n"] | None = None
        self._features: Float[Tensor, "n t d"] | None = None

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> list[Candidate]: ...
    def __getitem__(self, index: int | slice) -> Candidate | list[Candidate]:
        return self._list()[index]

    def __len__(self) -> int:
        return len(self._list())

    def rewards(self) -> Float[np.ndarray, " n"]:
        """Scores by the strategy's reward; decodes images if it needs them. Raises ConfigError."""
        if self._rewards is None:
            self._rewards = self._looks.score(self._list())
        return self._rewards

    def features(self) -> Float[Tensor, "n t d"]:
        """The strategy's features of the images. Raises ConfigError."""
        if self._features is None:
            self._features = self._looks.describe(self._list())
        return self._features

    def of(self, rows: Sequence[int]) -> Candidates:
        """Some of them."""
        return Candidates(lambda: [self._list()[row] for row in rows], self._looks)

    def with_codes(self, codes: Sequence[Tensor]) -> Candidates:
        """The same trajectories as pictures of other codes, one each: to look at what nobody has drawn."""
        pairs = list(zip(self._list(), codes, strict=True))
        return Candidates(
            lambda: [replace(one, codes=other, image=None, pixels=None, rewards={}) for one, other in pairs],
            self._looks,
        )

    def _list(self) -> list[Candidate]:
        if self._candidates is None:
            self._candidates = self._make()
        return self._candidates


@dataclass(frozen=True)
class Step:
    """One image's live trajectories at one step, ``n`` rows.

    ``positions``: steps done by each row, ``(n,)``: before the draw the index of this step, after it one more.
    ``indices``: the rows' trajectories.
    ``statistics``: of the logits of this step, guided at the last step's scale.
    ``profile``: the confidence profile with this step's statistics; None on next-scale models.
    ``scales``: guidance scales, the last step's before the draw and this one's after it, ``(n,)``.
    ``images``: the rows as candidates.
    ``read_logits``, ``read_states``, ``read_values``: see ``logits``, ``states`` and :meth:`values`.
    ``values_wait``: the verifier knows a step's codes only when the next step is computed.
    """

    positions: Int[np.ndarray, " n"]
    indices: list[int]
    statistics: TokenStatistics | ScaleStatistics
    profile: ConfidenceProfile | None
    scales: Float[np.ndarray, " n"]
    images: Candidates
    read_logits: Callable[[], Tensor]
    read_states: Callable[[], Tensor]
    read_values: Callable[[], Float[np.ndarray, " n"]]
    values_wait: bool = False

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def position(self) -> int:
        """Position of the rows; of the first one if they differ."""
        return int(self.positions[0])

    @property
    def guidance_scale(self) -> Float[np.ndarray, " n"]:
        """Guidance scale of every row in fp32."""
        return self.scales.astype(np.float32)

    @property
    def logits(self) -> Float[Tensor, "c n *l v"]:
        """A copy of the rows' raw fp32 logits: conditional, with guidance unconditional, and a second prompt's."""
        return self.read_logits()

    @property
    def states(self) -> Float[Tensor, "n d"]:
        """A copy of the rows' hidden states: what the conditional logits of this step are computed from, in fp32.

        They have read all codes drawn before this step's; of a next-scale model it is the mean over the scale's tokens.
        Raises DecodingError unless the strategy declared that it needs them.
        """
        return self.read_states()

    def values(self) -> Float[np.ndarray, " n"]:
        """v of the rows' prefixes by the strategy's verifier: before the draw of all codes so far. After it still of
        those where ``values_wait``, else with this step's.

        Raises ConfigError without a verifier, DecodingError where a value is not a number.
        """
        return self.read_values()

    def rewards(self) -> Float[np.ndarray, " n"]:
        """See :meth:`Candidates.rewards`."""
        return self.images.rewards()

    def features(self) -> Float[Tensor, "n t d"]:
        """See :meth:`Candidates.features`."""
        return self.images.features()


@dataclass(frozen=True)
class Prefix:
    """The first ``steps`` steps of trajectory ``index``, which is alive or has finished.

    ``greedy``: what goes on from it takes the likeliest code each time.
    """

    index: int
    steps: int
    greedy: bool = False


@dataclass(frozen=True)
class Start:
    """Trajectories to add: ``fresh`` ones from the first step, and one from each prefix.

    They join the batch at once if its rows may be at different positions, else when the live rows are done.
    """

    fresh: int = 0
    prefixes: tuple[Prefix, ...] = ()

    def __post_init__(self) -> None:
        sound = all(isinstance(part, Prefix) for part in self.prefixes) if isinstance(self.prefixes, tuple) else False
        if not isinstance(self.fresh, int) or self.fresh < 0 or not sound:
            raise DecodingError(f"{self} must have a count of fresh trajectories and a tuple of Prefix.")

    def __len__(self) -> int:
        return self.fresh + len(self.prefixes)


@dataclass(frozen=True)
class Pick:
    """Return trajectory ``index``, which has finished."""

    index: int


@dataclass(frozen=True)
class Decision:
    """What to do with the ``n`` rows of a step.

    ``rows``: the rows that continue, in their new order, ``(m,)``; a repeated row is forked.
    ``reasons``: per row of the step why it is cut, None if it continues.
    ``guidance_scale``: per row of the step, ``(n,)``; None: unchanged.
    ``second_scale``: likewise the second prompt's, where the strategy needs a rewriter: s' of
    :func:`scalingar.profile.statistics.guidance.guide`, 1 at first, which is without weight.
    ``trace``: values of this step to record, ``(n,)`` each.
    ``start``: trajectories to add.
    """

    rows: Int[np.ndarray, " m"]
    reasons: Sequence[str | None]
    guidance_scale: Float[np.ndarray, " n"] | None = None
    trace: Columns = field(default_factory=dict)
    start: Start = Start()
    second_scale: Float[np.ndarray, " n"] | None = None

    @classmethod
    def of(cls, rows: Int[np.ndarray, " m"] | Iterable[int], count: int, reason: str, **trace: np.ndarray) -> Decision:
        """``rows`` of ``count`` continue; all others are cut for the same reason."""
        rows = np.asarray(rows, np.int64)
        kept = set(rows.tolist())
        return cls(rows, [None if row in kept else reason for row in range(count)], trace=trace)


class Search:
    """One image's run of a strategy; the base class keeps every trajectory and chooses at the end.

    ``starts``: trajectories at the first step.
    ``may_start``: it may start trajectories later, so the caches they start from are kept.
    ``keeps_finished``: among these those of finished trajectories; False if what it starts later is fresh.
    """

    may_start: bool = False
    keeps_finished: bool = True

    def __init__(self, strategy: Method, setting: Setting, starts: int | None = None) -> None:
        self.strategy = strategy
        self.setting = setting
        self.starts = strategy.num_trajectories if starts is None else starts

    @property
    def decides_after(self) -> bool:
        """Whether it is to be asked after draws, for which a device has to wait."""
        return type(self).after_draw is not Search.after_draw

    def before_draw(self, step: Step) -> Decision | None:
        """Called with the logits, before the draw. None: continue. Raises DecodingError if no decision is possible."""
        return None

    def after_draw(self, step: Step) -> Decision | None:
        """Called after the draw. None: continue. Raises DecodingError if no decision is possible."""
        return None

    def follow(self, rows: Int[np.ndarray, " m"]) -> None:
        """Reorder per-row state: ``rows`` are the previous rows that remain; -1 is a new trajectory."""

    def sources(self, finished: Candidates) -> Iterable[int]:
        """Of those that finished, the trajectories it may still start from, by index; the caches of others are freed.

        Called when further ones have finished, if it ``keeps_finished``. The base class keeps all.
        """
        return [candidate.index for candidate in finished]

    def when_done(self, finished: Candidates) -> Start | Pick:
        """Called when no trajectory is live, with those that finished, ordered by index."""
        if self.strategy.needs().rewarded:
            finished.rewards()
        return Pick(finished[self.strategy.choose(list(finished), self.setting)].index)
