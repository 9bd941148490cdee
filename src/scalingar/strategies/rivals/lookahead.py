"""Beam search with lookahead, as the toolkit SoTo does it (arXiv 2604.15453)."""

from scalingar.strategies.rivals.beams import BeamsDrawnAgain
from scalingar.strategies.rivals.judged import last_round, shared_out
from scalingar.strategies.search import Candidates, Decision, Pick, Prefix, Search, Start, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, argmax


@STRATEGIES.register("lookahead")
class Lookahead(BeamsDrawnAgain):
    """SoTo's lookahead: beams are judged by their greedy completions, which are thrown away; their codes are counted.

    As published, completed to the end (the release's -1, its setting for Infinity), the likeliest code at each place.
    Chosen: N trajectories from the first step on, as in the strategy beam.
    """

    def search(self, setting: Setting) -> "LookaheadSearch":
        """A new search for one image."""
        return LookaheadSearch(self, setting)


class LookaheadSearch(Search):
    """The search for one image: beams until a check, their completions to the end, beams from what these began with."""

    may_start = True

    def __init__(self, strategy: Lookahead, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.settings = strategy
        self.left = strategy.steps_of_checks(setting)
        """Checks to come."""
        self.parents: set[int | None] = {None}
        """What the present trajectories go on from."""
        self.ahead = False
        """These are completions."""

    @property
    def decides_after(self) -> bool:
        """Only of a next-scale model, as :class:`~scalingar.strategies.rivals.judged.CheckedSearch`."""
        return bool(self.setting.scales)

    def before_draw(self, step: Step) -> Decision | None:
        """The beams of a next-token model at a check."""
        return None if self.setting.scales else self._completed(step)

    def after_draw(self, step: Step) -> Decision | None:
        """Those of a next-scale model."""
        return self._completed(step) if self.setting.scales else None

    def _completed(self, step: Step) -> Decision | None:
        """In place of each beam its greedy completion."""
        if self.ahead or not self.left or step.position != self.left[0]:
            return None
        self.ahead, self.parents = True, set(step.indices)
        start = Start(prefixes=tuple(Prefix(index, step.position, greedy=True) for index in step.indices))
        return Decision(step.positions[:0], ["a beam, judged by its completion"] * len(step), start=start)

    def sources(self, finished: Candidates) -> list[int]:
        """The completions of the present check, from which the next beams start."""
        return [finished[place].index for place in last_round(finished)] if self.ahead else []

    def when_done(self, finished: Candidates) -> Start | Pick:
        """Beams from the best completions' first steps; after the last check the best beam."""
        rewards = finished.rewards()
        if not self.ahead:
            own = [place for place, one in enumerate(finished) if one.parent in self.parents]
            own = own or list(range(len(finished)))
            return Pick(finished[own[argmax(rewards[own])]].index)
        own = last_round(finished)
        best = [finished[own[place]].index for place in shared_out(rewards[own], self.settings.beam_width, self.starts)]
        self.ahead, self.parents, steps = False, set(best), self.left.pop(0)
        return Start(prefixes=tuple(Prefix(index, steps) for index in best))
