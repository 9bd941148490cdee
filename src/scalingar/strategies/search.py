"""The contract between a strategy and the engine: what a search sees at each step, and what it may decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.core.errors import DecodingError
from scalingar.core.outputs import Candidate
from scalingar.profile.confidence import ConfidenceProfile
from scalingar.profile.scale_statistics import ScaleStatistics
from scalingar.profile.token_statistics import TokenStatistics
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
    """What looks at pictures for a search, and counts it."""

    def score(self, candidates: list[Candidate]) -> Float[np.ndarray, " n"]:
        """What the strategy's reward says, finite numbers. Raises ConfigError without a reward."""
        ...

    def describe(self, candidates: list[Candidate]) -> Float[Tensor, "n t d"]:
        """The strategy's feature of their pictures. Raises ConfigError without a feature."""
        ...


class Candidates(Sequence[Candidate]):
    """Trajectories as images, complete or as far as they are drawn; made, scored and described when asked, once."""

    def __init__(self, make: Callable[[], list[Candidate]], looks: Looks) -> None:
        self._make = make
        self._looks = looks
        self._made: list[Candidate] | None = None
        self._rewards: Float[np.ndarray, " n"] | None = None
        self._features: Float[Tensor, "n t d"] | None = None

    @property
    def made(self) -> list[Candidate]:
        """The candidates themselves."""
        if self._made is None:
            self._made = self._make()
        return self._made

    @overload
    def __getitem__(self, place: int) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> list[Candidate]: ...
    def __getitem__(self, place: int | slice) -> Candidate | list[Candidate]:
        return self.made[place]

    def __len__(self) -> int:
        return len(self.made)

    def rewards(self) -> Float[np.ndarray, " n"]:
        """What the strategy's reward says of each; decodes pictures if it looks at them. Raises ConfigError."""
        if self._rewards is None:
            self._rewards = self._looks.score(self.made)
        return self._rewards

    def features(self) -> Float[Tensor, "n t d"]:
        """What the strategy's feature says of each picture. Raises ConfigError."""
        if self._features is None:
            self._features = self._looks.describe(self.made)
        return self._features


@dataclass(frozen=True)
class Step:
    """One image's live trajectories at one step, ``n`` rows.

    ``positions``: steps each row has made, ``(n,)``: before the draw the index of the step to come, after it one more.
    ``indices``: which trajectories they are.
    ``statistics``: of the logits of this step, guided at the last step's scale.
    ``profile``: the confidence profile with this step's statistics; None on next-scale models.
    ``scales``: guidance scales, the last step's before the draw and this one's after it, ``(n,)``.
    ``images``: what the rows are so far, for those who look.
    ``read_logits``: see ``logits``.
    """

    positions: Int[np.ndarray, " n"]
    indices: list[int]
    statistics: TokenStatistics | ScaleStatistics
    profile: ConfidenceProfile | None
    scales: Float[np.ndarray, " n"]
    images: Candidates
    read_logits: Callable[[], Tensor]

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def position(self) -> int:
        """Where the rows stand; of rows that started at different times, where the first of them does."""
        return int(self.positions[0])

    @property
    def guidance_scale(self) -> Float[np.ndarray, " n"]:
        """Of every row, in fp32."""
        return self.scales.astype(np.float32)

    @property
    def logits(self) -> Float[Tensor, "c n *l v"]:
        """The rows' raw fp32 logits, conditional and, with guidance, unconditional ones; a copy for who asks."""
        return self.read_logits()

    def rewards(self) -> Float[np.ndarray, " n"]:
        """See :meth:`Candidates.rewards`."""
        return self.images.rewards()

    def features(self) -> Float[Tensor, "n t d"]:
        """See :meth:`Candidates.features`."""
        return self.images.features()


@dataclass(frozen=True)
class Prefix:
    """The first ``steps`` steps of trajectory ``index``, which is alive or has finished."""

    index: int
    steps: int


@dataclass(frozen=True)
class Start:
    """Trajectories to add: ``fresh`` ones from the first step, and one from each prefix.

    They join as soon as the model can: at once where rows may stand anywhere, else when those under way are done.
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
    """Hand out trajectory ``index``, which has finished."""

    index: int


@dataclass(frozen=True)
class Decision:
    """What to do with the ``n`` rows of a step.

    ``rows``: which go on, in their new order, ``(m,)``; a row that repeats is forked.
    ``reasons``: why a row does not go on, an entry per row of the step, None for those that do.
    ``guidance_scale``: at which to draw, per row of the step, ``(n,)``; None: as before.
    ``trace``: values of this step to record, ``(n,)`` each.
    ``start``: trajectories to add.
    """

    rows: Int[np.ndarray, " m"]
    reasons: Sequence[str | None]
    guidance_scale: Float[np.ndarray, " n"] | None = None
    trace: Columns = field(default_factory=dict)
    start: Start = Start()

    @classmethod
    def of(cls, rows: Int[np.ndarray, " m"] | Iterable[int], count: int, reason: str, **trace: np.ndarray) -> Decision:
        """``rows`` of ``count`` go on; all others end for one reason."""
        chosen = np.asarray(rows, np.int64)
        going = set(chosen.tolist())
        return cls(chosen, [None if row in going else reason for row in range(count)], trace=trace)


class Search:
    """One image's run of a strategy. This one keeps every trajectory and chooses at the end.

    ``starts``: trajectories at the first step.
    ``may_start``: it may add trajectories later; what they need to start from is kept for that.
    """

    may_start: bool = False

    def __init__(self, strategy: Method, setting: Setting, starts: int | None = None) -> None:
        self.strategy = strategy
        self.setting = setting
        self.starts = strategy.num_trajectories if starts is None else starts

    def before_draw(self, step: Step) -> Decision | None:
        """The logits are known, nothing is drawn. None: go on. Raises DecodingError where nothing can be decided."""
        return None

    def after_draw(self, step: Step) -> Decision | None:
        """The codes are drawn. None: go on. Raises DecodingError where nothing can be decided."""
        return None

    def follow(self, rows: Int[np.ndarray, " m"]) -> None:
        """The rows are now these of before, by a decision or because others broke down; -1 is one just started.

        For what a search keeps per row.
        """

    def when_done(self, finished: Candidates) -> Start | Pick:
        """No trajectory is under way. ``finished``: those that reached their last step, in the order of their index."""
        if self.strategy.needs().rewarded:
            finished.rewards()
        return Pick(finished[self.strategy.choose(list(finished), self.setting)].index)
