"""Best-of-N: complete every trajectory, return the one with the highest reward."""

from pydantic import Field

from scalingar.core.outputs import Candidate
from scalingar.strategies.needs import Needs
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, argmax


@STRATEGIES.register("best-of-n")
class BestOfN(Strategy):
    """argmax of the reward over N complete trajectories, the first on ties."""

    reward: str | None = Field(
        None, description="name of the reward, or name:source for weights of your own; None: the model's own"
    )

    def needs(self) -> Needs:
        """Its reward."""
        return Needs(rewarded=True, reward=self.reward)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position of the highest reward, the first on ties."""
        return argmax(candidate.rewards[str(self.reward)] for candidate in candidates)
