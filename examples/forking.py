"""A strategy of one's own, on both kinds of models: fork the surest trajectory halfway, and start a fresh one."""

import numpy as np

from scalingar import ImagePipeline
from scalingar.core.outputs import Candidate
from scalingar.strategies import STRATEGIES, Strategy
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Decision, Search, Start, Step
from scalingar.strategies.setting import Setting


@STRATEGIES.register("fork-the-surest")
class ForkTheSurest(Strategy):
    """Halfway the row of lowest entropy goes on twice; a further trajectory begins anew. The reward picks one."""

    num_trajectories: int = 2
    reward: str | None = None

    def needs(self) -> Needs:
        """A reward, the model's own unless one is named."""
        return Needs(rewarded=True, reward=self.reward)

    def search(self, setting: Setting) -> "ForkingSearch":
        """One for each image."""
        return ForkingSearch(self, setting)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position of the highest reward."""
        scores = [candidate.rewards[str(self.reward)] for candidate in candidates]
        return scores.index(max(scores))


class ForkingSearch(Search):
    """Decides once, when half of the steps are made."""

    may_start = True

    def before_draw(self, step: Step) -> Decision | None:
        """Nothing at all other steps."""
        if step.position != self.setting.total_steps // 2 or 0 not in step.indices:
            return None
        surest = int(step.statistics.entropy.argmin())
        rows = np.array([*range(len(step)), surest])  # a row that repeats is forked
        return Decision(rows, [None] * len(step), start=Start(fresh=1))


for model in ("embedded", "embedded-next-scale"):
    pipe = ImagePipeline.from_pretrained(model)
    output = pipe("a photo of a red apple", strategy="fork-the-surest", seed=3)
    print(model)
    for candidate in output.candidates[0]:
        origin = "fresh" if candidate.parent is None else f"copy of {candidate.parent} from step {candidate.born}"
        print(f"  {candidate.index}: {origin}, {candidate.drawn} tokens of its own")
    assert output.ledger.tokens == sum(candidate.drawn for candidate in output.candidates[0])
    print(f"  {output.ledger.tokens} tokens in all, trajectory {output.results[0].chosen} is handed out")
    output.images[0].save(f"{model}.png")
