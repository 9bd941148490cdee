"""Verifier-of-N: complete every trajectory, return the one that the verifier values most; no other is decoded."""

from pydantic import Field

from scalingar.core.outputs import Candidate
from scalingar.strategies.needs import Needs
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, most_valued


@STRATEGIES.register("verifier-of-n")
class VerifierOfN(Strategy):
    """argmax of a learned head's value over N complete trajectories, the first on ties: no reward, no pictures."""

    verifier: str | None = Field(
        None, description="folder of 'scalingar verifier train', or a name; None: the model's own"
    )

    def needs(self) -> Needs:
        """Its verifier."""
        return Needs(verified=True, verifier=self.verifier)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position of the highest value, the first on ties."""
        return most_valued(candidates)
