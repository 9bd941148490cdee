"""One trajectory, the base model as it is."""

from typing import ClassVar, Literal

from pydantic import Field

from scalingar.core.outputs import Candidate
from scalingar.strategies.setting import BOTH_FAMILIES, Family
from scalingar.strategies.strategy import STRATEGIES, Setting, Strategy


@STRATEGIES.register("single")
class Single(Strategy):
    """Trajectory 0 alone: N = 1."""

    families: ClassVar[tuple[Family, ...]] = BOTH_FAMILIES

    num_trajectories: Literal[1] = Field(1, description="always one")

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """The only one."""
        return 0
