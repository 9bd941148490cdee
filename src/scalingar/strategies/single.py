"""One trajectory, the base model as it is."""

from typing import ClassVar, Literal

from pydantic import Field

from scalingar.outputs import Candidate
from scalingar.strategies.base import STRATEGIES, Setting, Strategy
from scalingar.strategies.setting import BOTH_FAMILIES, Family


@STRATEGIES.register("single")
class Single(Strategy):
    """Trajectory 0 alone: N = 1."""

    families: ClassVar[tuple[Family, ...]] = BOTH_FAMILIES

    num_trajectories: Literal[1] = Field(1, description="always one")

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """The only one."""
        return 0
