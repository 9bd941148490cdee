"""Verifier-halving: keep the trajectories whose prefixes the verifier values most."""

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from scalingar.core.outputs import Candidate
from scalingar.profile.rounding import descending
from scalingar.rewards.verifiers import VALUE_SCALE
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Decision, Search, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, argmax, most_valued
from scalingar.strategies.successive_halving import check_rounds, rounds_at


@STRATEGIES.register("verifier-halving")
class VerifierHalving(Strategy):
    """Successive halving (Jamieson & Talwalkar 2016) by the value of a learned head on the generator's states.

    After STOP (arXiv 2604.16029), which cuts once; here as often as ``rounds`` say.
    """

    verifier: str | None = Field(
        None, description="folder of 'scalingar verifier train', or a name; None: the model's own"
    )
    rounds: tuple[tuple[float, int], ...] = Field(
        ((0.25, 4), (0.5, 2)), description="after which share of the steps how many go on"
    )
    last: Literal["verifier", "reward"] = Field("verifier", description="what chooses among those that finish")
    reward: str | None = Field(
        None, description="name of the reward, or name:source for weights of your own; None: the model's own"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_rounds(self.rounds)
        if self.reward is not None and self.last != "reward":
            raise ValueError(f"nothing asks the reward {self.reward}; leave it out, or set last to reward")
        return self

    def needs(self) -> Needs:
        """Its verifier, and its reward where that chooses."""
        rewarded = self.last == "reward"
        return Needs(verified=True, verifier=self.verifier, rewarded=rewarded, reward=self.reward)

    def search(self, setting: Setting) -> "VerifierHalvingSearch":
        """A new search for one image."""
        return (ScaleHalvingSearch if setting.scales else VerifierHalvingSearch)(self, setting)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position of the highest value or reward, the first on ties."""
        if self.last == "reward":
            return argmax(candidate.rewards[str(self.reward)] for candidate in candidates)
        return most_valued(candidates)


class VerifierHalvingSearch(Search):
    """The search for one image: at which steps how many go on. Of a next-token model: before a draw."""

    def __init__(self, strategy: VerifierHalving, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.rounds = rounds_at(strategy.rounds, setting.total_steps, setting.step_name)

    def before_draw(self, step: Step) -> Decision | None:
        """Keep the best once the round's last code is drawn and fed. Raises DecodingError."""
        return self.halved(step)

    def halved(self, step: Step) -> Decision | None:
        """Keep the best, the first of equal ones. Raises DecodingError if a value is not a number."""
        if step.position not in self.rounds:
            return None
        values, count = step.values(), self.rounds[step.position]
        kept = np.argsort(descending(values, VALUE_SCALE)) < count
        needed = float(values[kept].min())
        reasons = [
            None if stays else f"verifier {value:.2f}, needed {needed:.2f}"
            for value, stays in zip(values, kept, strict=True)
        ]
        return Decision(np.flatnonzero(kept), reasons, trace={"verifier": values})


class ScaleHalvingSearch(VerifierHalvingSearch):
    """Of a next-scale model: right after a draw, before the transformer runs the next scale for every row.

    Where the verifier waits for that, before the next draw.
    """

    def before_draw(self, step: Step) -> Decision | None:
        """Halve by a verifier that has only now read the scale before. Raises DecodingError."""
        return self.halved(step) if step.values_wait else None

    def after_draw(self, step: Step) -> Decision | None:
        """Halve once the scale is drawn. Raises DecodingError."""
        return None if step.values_wait else self.halved(step)
