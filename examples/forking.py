"""A strategy of one's own, on both kinds of models: half way it forks a trajectory, and starts two others."""

import numpy as np

from scalingar import ImagePipeline
from scalingar.core.outputs import Candidate
from scalingar.strategies import STRATEGIES, Strategy
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Decision, Prefix, Search, Start, Step
from scalingar.strategies.setting import Setting


@STRATEGIES.register("fork-the-surest")
class ForkTheSurest(Strategy):
    """Halfway the surest row goes on twice and is begun again from its first quarter, and one starts afresh."""

    num_trajectories: int = 2
    reward: str | None = None

    def needs(self) -> Needs:
        """A reward, to pick one at the end; the model's own where none is named."""
        return Needs(rewarded=True, reward=self.reward)

    def search(self, setting: Setting) -> "ForkingSearch":
        """A fresh run for one image."""
        return ForkingSearch(self, setting)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Place of the highest reward."""
        scores = [candidate.rewards[str(self.reward)] for candidate in candidates]
        return scores.index(max(scores))


class ForkingSearch(Search):
    """Decides once, when half of the steps are made."""

    may_start = True  # what trajectories start from is kept for it

    def before_draw(self, step: Step) -> Decision | None:
        """Later starts pass the middle too; by then trajectory 0 has finished."""
        total = self.setting.total_steps
        if step.position != total // 2 or 0 not in step.indices:
            return None
        surest = int(step.statistics.entropy.argmin())
        rows = np.array([*range(len(step)), surest])  # a row that repeats is forked
        start = Start(fresh=1, prefixes=(Prefix(step.indices[surest], total // 4),))
        return Decision(rows, [None] * len(step), start=start)


for model in ("embedded", "embedded-next-scale"):
    pipe = ImagePipeline.from_pretrained(model)
    output = pipe("a photo of a red apple", strategy="fork-the-surest", seed=3)
    print(model)
    for candidate in output.candidates[0]:
        origin = "fresh" if candidate.parent is None else f"parent {candidate.parent}, born at step {candidate.born}"
        print(f"  trajectory {candidate.index}: {origin}, {candidate.drawn} tokens drawn")
    assert output.ledger.tokens == sum(candidate.drawn for candidate in output.candidates[0])
    print(f"  {output.ledger.tokens} tokens in all, trajectory {output.results[0].chosen} is handed out")
    output.images[0].save(f"{model}.png")
