"""Controls: N complete trajectories without ScalingAR's decisions and without a reward."""

from typing import ClassVar

from scalingar.core.outputs import Candidate
from scalingar.strategies.needs import Needs
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, argmax, choice_generator


@STRATEGIES.register("random-of-n")
class RandomOfN(Strategy):
    """A random one of N complete trajectories: the same cost without any information."""

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Uniform over the candidates."""
        return int(choice_generator(setting).integers(len(candidates)))


class HighestSignal(Strategy):
    """The complete trajectory with the highest value of a signal."""

    signal: ClassVar[str]

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position of the highest signal, the first on ties."""
        return argmax(candidate.signals[self.signal] for candidate in candidates)

    def chosen_by(self) -> str:
        """The signal."""
        return self.signal


@STRATEGIES.register("most-confident-of-n")
class MostConfidentOfN(HighestSignal):
    """Highest mean confidence C of N complete trajectories: ScalingAR's signal without its pruning."""

    signal: ClassVar[str] = "confidence"


@STRATEGIES.register("pmi-of-n")
class PmiOfN(HighestSignal):
    """Highest pointwise mutual information between prompt and drawn codes."""

    signal: ClassVar[str] = "pmi"

    def needs(self) -> Needs:
        """Both branches."""
        return Needs(unconditional=True)
