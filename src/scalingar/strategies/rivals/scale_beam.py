"""Beam search over scales (arXiv 2510.16751): each candidate is completed before it is judged."""

from pydantic import Field

from scalingar.strategies.rivals.beams import BeamsDrawnAgain
from scalingar.strategies.rivals.judged import last_round, shared_out
from scalingar.strategies.search import Candidates, Pick, Prefix, Search, Start
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, argmax


@STRATEGIES.register("scale-beam")
class ScaleBeam(BeamsDrawnAgain):
    """Rounds of N complete images; the first scales of the best few are kept, one scale more each round.

    As published, with caches shared: w beams of N / w candidates. Chosen: each is completed as any image is drawn (how
    the authors complete them is not told), and the best image of all rounds is handed out, since all are there.
    """

    beam_width: int = Field(1, ge=1, description="w, prefixes that go on after a round; 1: the paper's greedy variant")

    def search(self, setting: Setting) -> "ScaleBeamSearch":
        """A new search for one image."""
        return ScaleBeamSearch(self, setting)


class ScaleBeamSearch(Search):
    """The search for one image."""

    may_start = True

    def __init__(self, strategy: ScaleBeam, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.settings = strategy
        self.left = strategy.steps_of_checks(setting)
        """Prefixes of the rounds to come."""

    def sources(self, finished: Candidates) -> list[int]:
        """The last round's, from which the next one starts."""
        return [finished[place].index for place in last_round(finished)] if self.left else []

    def when_done(self, finished: Candidates) -> Start | Pick:
        """The next round, or the best of all."""
        rewards = finished.rewards()
        if not self.left:
            return Pick(finished[argmax(rewards)].index)
        own = last_round(finished)
        best = shared_out(rewards[own], self.settings.beam_width, self.starts)
        steps = self.left.pop(0)
        return Start(prefixes=tuple(Prefix(finished[own[place]].index, steps) for place in best.tolist()))
