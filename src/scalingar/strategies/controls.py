"""Controls: what N complete trajectories give without ScalingAR's decisions, and without a reward."""

from typing import ClassVar

from scalingar.core.outputs import Candidate
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, choice_generator


@STRATEGIES.register("random-of-n")
class RandomOfN(Strategy):
    """One of N full samples, drawn blindly: what N tokens' worth of work gives when nothing is known."""

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Uniform over the candidates."""
        return int(choice_generator(setting).integers(len(candidates)))


class HighestSignal(Strategy):
    """The full sample with the highest value of one signal."""

    signal: ClassVar[str]

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Place of the highest signal, the first among equals."""
        values = [candidate.signals[self.signal] for candidate in candidates]
        return values.index(max(values))


@STRATEGIES.register("most-confident-of-n")
class MostConfidentOfN(HighestSignal):
    """Highest mean confidence C over N full samples: ScalingAR's signal without its pruning."""

    signal: ClassVar[str] = "confidence"


@STRATEGIES.register("pmi-of-n")
class PmiOfN(HighestSignal):
    """Highest pointwise mutual information between prompt and drawn codes."""

    signal: ClassVar[str] = "pmi"
