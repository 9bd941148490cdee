"""An image's trajectories at one moment: on their way, at the end, or at a step of a run that is over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from scalingar.core.decoding_kind import Decoding
from scalingar.core.outputs import Candidate, PromptResult
from scalingar.pipeline.pipeline import ImagePipeline

Grids = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Course:
    """The steps of an image.

    ``grids``: rows and columns of tokens of each scale; of a next-token model the only one, or its preview's and that
    one.
    """

    decoding: Decoding
    grids: Grids

    @classmethod
    def of(cls, pipe: ImagePipeline) -> "Course":
        """Those of this model's images."""
        return cls(pipe.decoding, pipe.grids)

    @property
    def by_scale(self) -> bool:
        """Whether a step is a scale."""
        return self.decoding == "next-scale"

    @property
    def step_name(self) -> str:
        """``step`` or ``scale``."""
        return "scale" if self.by_scale else "step"

    @property
    def tokens(self) -> int:
        """Tokens of a complete trajectory."""
        return sum(height * width for height, width in self.grids)

    @property
    def total(self) -> int:
        """Steps of a finished image: scales, or tokens, those of a preview among them."""
        return len(self.grids) if self.by_scale else self.tokens

    def tokens_until(self, step: int) -> int:
        """Tokens that the first ``step`` steps of a trajectory draw."""
        return sum(height * width for height, width in self.grids[:step]) if self.by_scale else step


@dataclass(frozen=True)
class Moment:
    """What is shown at once.

    ``candidates``: all trajectories that have begun, with their pictures. ``position``: steps done, of ``total``.
    ``course``: the steps of an image of this model. ``chosen``: index of the one that is handed out, None before the
    end.
    """

    prompt: str
    seed: int
    candidates: Sequence[Candidate]
    position: int
    total: int
    course: Course
    chosen: int | None = None

    @classmethod
    def end(cls, result: PromptResult, course: Course) -> "Moment":
        """When all is done."""
        steps = course.total
        return cls(result.prompt, result.seed, result.candidates, steps, steps, course, result.chosen)

    @classmethod
    def at(cls, result: PromptResult, position: int, course: Course) -> "Moment":
        """After the first ``position`` steps of each trajectory; without pictures, which its codes are enough for."""
        if position >= course.total:
            return cls.end(result, course)
        parts = [part for one in result.candidates if (part := _part(one, position, course)) is not None]
        return cls(result.prompt, result.seed, parts, position, course.total, course)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures."""
        return next(candidate.image.size for candidate in self.candidates if candidate.image is not None)

    @cached_property
    def whole(self) -> int:
        """Tokens of a complete trajectory."""
        return self.course.tokens

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


def _part(candidate: Candidate, position: int, course: Course) -> Candidate | None:
    """What a trajectory was after ``position`` steps; None where it had not begun."""
    if candidate.parent is not None and position <= candidate.born:
        return None
    if candidate.cut is not None and candidate.cut.step <= position:
        return candidate
    trace = {name: values[:position] for name, values in candidate.trace.items()}
    return replace(
        candidate, codes=candidate.codes[: course.tokens_until(position)], cut=None, trace=trace, image=None, rewards={}
    )
