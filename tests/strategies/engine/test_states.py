"""Hidden states stay with their rows, whatever is cut, forked or started, and are there only for those who ask."""

from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError, DecodingError
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies.controls import RandomOfN
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Candidates, Decision, Pick, Prefix, Search, Start, Step
from scalingar.strategies.setting import Setting
from tests.tiny.pipes import tiny_pipe

PROMPTS = ["a dog", "two cats", "a blue cow", "a bird above a cup", "three clocks"]


class Asking(RandomOfN):
    """Asks for states; what its search does is a function of the step."""

    def needs(self) -> Needs:
        return Needs(states=True)

    def search(self, setting: Setting) -> Search:
        return ForkingSearch(self, setting)


class ForkingSearch(Search):
    """Cuts, forks and starts trajectories, and checks each step's states against its logits."""

    may_start = True
    head: Any
    steps = 0

    def before_draw(self, step: Step) -> Decision | None:
        expected = ForkingSearch.head(step.states).detach()
        torch.testing.assert_close(expected, step.logits[0], atol=1e-4, rtol=1e-4)
        ForkingSearch.steps += 1
        if step.position == 3 and len(step) == 3:
            return Decision.of([2, 0, 0], len(step), "by the test")
        if step.position == 5 and len(step) == 3:
            return Decision(np.arange(3), [None] * 3, start=Start(1, (Prefix(step.indices[1], 4),)))
        return None

    def when_done(self, finished: Candidates) -> Start | Pick:
        return Start(prefixes=(Prefix(finished[0].index, 2),)) if len(finished) < 6 else Pick(finished[0].index)


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("max_rows", [3, 7])
def test_they_are_those_of_the_rows_logits(captured: bool, max_rows: int) -> None:
    pipe = tiny_pipe()
    pipe.model.cuda_graphs = captured  # type: ignore[union-attr]
    ForkingSearch.head, ForkingSearch.steps = pipe.model.output, 0  # type: ignore[union-attr]
    pipe(PROMPTS, strategy=Asking(num_trajectories=3), seed=1, max_rows=max_rows, output_type="codes")
    assert ForkingSearch.steps > 4 * len(PROMPTS)


def test_nobody_gets_what_was_not_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Asking, "needs", lambda self: Needs())
    with pytest.raises(DecodingError, match=r"needs\(\) does not ask for"):
        tiny_pipe()("a dog", strategy=Asking(num_trajectories=3))


def test_a_model_without_states_is_one_sentence() -> None:
    class Silent:
        """The model without the methods that tell states."""

        def __init__(self, model: Any) -> None:
            self.grid, self.vocab_size = model.grid, model.vocab_size
            self.condition, self.prefill, self.step = model.condition, model.prefill, model.step

    pipe: ImagePipeline = tiny_pipe()
    pipe.model = Silent(pipe.model)
    assert pipe("a dog", strategy="random-of-n", num_trajectories=2).images
    with pytest.raises(ConfigError, match=r"the strategy reads hidden states, and the model \(Silent\) tells none"):
        pipe("a dog", strategy=Asking(num_trajectories=3))
