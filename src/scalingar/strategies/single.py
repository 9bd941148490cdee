"""One trajectory, the base model as it is."""

from typing import ClassVar

from pydantic import Field, field_validator

from scalingar.core.outputs import Candidate
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy


@STRATEGIES.register("single")
class Single(Strategy):
    """Trajectory 0 alone: N = 1."""

    fixed: ClassVar[tuple[str, ...]] = ("num_trajectories",)

    num_trajectories: int = Field(1, ge=1, description="always one")

    @field_validator("num_trajectories")
    @classmethod
    def _check(cls, count: int) -> int:
        if count != 1:
            raise ValueError("'single' decodes one trajectory; choose another strategy")
        return count

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """The only candidate."""
        return 0
