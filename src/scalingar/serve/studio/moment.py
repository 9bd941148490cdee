"""An image's trajectories at one moment: on their way, at the end, or at a step of a run that is over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from scalingar.core.outputs import Candidate, PromptResult

Grids = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Moment:
    """What is shown at once.

    ``candidates``: all trajectories that have begun, with their pictures. ``position``: steps done, of ``total``.
    ``grids``: rows and columns of tokens of each scale; of a next-token model the only one. ``chosen``: index of the
    one that is handed out, None before the end.
    """

    prompt: str
    seed: int
    candidates: Sequence[Candidate]
    position: int
    total: int
    grids: Grids
    chosen: int | None = None

    @classmethod
    def end(cls, result: PromptResult, grids: Grids) -> "Moment":
        """When all is done."""
        steps = total_steps(grids)
        return cls(result.prompt, result.seed, result.candidates, steps, steps, grids, result.chosen)

    @classmethod
    def at(cls, result: PromptResult, position: int, grids: Grids) -> "Moment":
        """After the first ``position`` steps of each trajectory; without pictures, which its codes are enough for."""
        total = total_steps(grids)
        if position >= total:
            return cls.end(result, grids)
        parts = [part for one in result.candidates if (part := _part(one, position, grids)) is not None]
        return cls(result.prompt, result.seed, parts, position, total, grids)

    @property
    def by_scale(self) -> bool:
        """Whether a step is a scale."""
        return len(self.grids) > 1

    @property
    def step_name(self) -> str:
        """``step`` or ``scale``."""
        return "scale" if self.by_scale else "step"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures."""
        return next(candidate.image.size for candidate in self.candidates if candidate.image is not None)

    @cached_property
    def whole(self) -> int:
        """Tokens of a complete trajectory."""
        return tokens_until(len(self.grids), self.grids)

    def live(self, candidate: Candidate) -> bool:
        """Whether a trajectory is still being drawn."""
        return candidate.cut is None and candidate.tokens < self.whole

    @property
    def drawn(self) -> int:
        """Tokens spent so far, on all trajectories."""
        return sum(candidate.drawn for candidate in self.candidates)

    @property
    def full(self) -> int:
        """Tokens that completing every trajectory that was started would take."""
        return self.whole * sum(candidate.parent is None for candidate in self.candidates)

    @property
    def saved(self) -> int:
        """Tokens that will not be drawn, because trajectories were cut."""
        to_come = sum(self.whole - candidate.tokens for candidate in self.candidates if self.live(candidate))
        return max(0, self.full - self.drawn - to_come)


def total_steps(grids: Grids) -> int:
    """Steps of a finished image: scales, or tokens of the only grid."""
    return len(grids) if len(grids) > 1 else tokens_until(1, grids)


def tokens_until(scales: int, grids: Grids) -> int:
    """Tokens of the first scales."""
    return sum(height * width for height, width in grids[:scales])


def _part(candidate: Candidate, position: int, grids: Grids) -> Candidate | None:
    """What a trajectory was after ``position`` steps; None where it had not begun."""
    if candidate.parent is not None and position <= candidate.born:
        return None
    if candidate.cut is not None and candidate.cut.step <= position:
        return candidate
    tokens = tokens_until(position, grids) if len(grids) > 1 else position
    trace = {name: values[:position] for name, values in candidate.trace.items()}
    return replace(candidate, codes=candidate.codes[:tokens], cut=None, trace=trace, image=None, rewards={})
