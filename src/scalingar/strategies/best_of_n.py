"""Best-of-N: complete every trajectory, hand out the one a reward likes most."""

from pydantic import Field

from scalingar.core.outputs import Candidate
from scalingar.strategies.needs import Needs
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy


def highest_reward(candidates: list[Candidate], reward: str | None) -> int:
    """Place of the highest value of a reward, the first among equals."""
    scores = [candidate.rewards[str(reward)] for candidate in candidates]
    return scores.index(max(scores))


@STRATEGIES.register("best-of-n")
class BestOfN(Strategy):
    """argmax of the reward over N full samples; the first among equals."""

    reward: str | None = Field(
        None, description="name of the reward, or name:source for weights of your own; None: the model's own"
    )

    def needs(self) -> Needs:
        """Its reward."""
        return Needs(rewarded=True, reward=self.reward)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Place of the highest reward."""
        return highest_reward(candidates, self.reward)
