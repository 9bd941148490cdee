"""Late cuts by what was seen so far: what is kept, what it costs, and what it picks."""

import numpy as np
import pytest

from scalingar.core.errors import ConfigError
from scalingar.strategies import SuccessiveHalving
from scalingar.strategies.build_strategy import build_strategy
from scalingar.strategies.setting import Setting
from tests.tiny.pipes import PROMPT, tiny_pipe


@pytest.mark.parametrize(
    ("signal", "sign"), [("deepconf", 1), ("entropy", -1), ("confidence", 1), ("final_confidence", 1)]
)
def test_the_best_so_far_go_on(signal: str, sign: int) -> None:
    pipe = tiny_pipe()
    complete = pipe(PROMPT, strategy="random-of-n", num_trajectories=6, seed=3).candidates[0]
    letter = "C" if signal.endswith("confidence") else signal
    seen = slice(7, 8) if signal == "final_confidence" else slice(8)
    strategy = SuccessiveHalving.model_validate({"num_trajectories": 6, "signal": signal, "rounds": [[0.5, 2]]})
    result = pipe(PROMPT, strategy=strategy, seed=3).results[0]
    means = [sign * float(candidate.trace[letter][seen].mean()) for candidate in complete]
    survivors = sorted(np.argsort(means)[-2:].tolist())
    assert [candidate.index for candidate in result.candidates if candidate.finished] == survivors
    assert {candidate.tokens for candidate in result.candidates if not candidate.finished} == {8}
    values = {c.index: sign * c.signals[signal] for c in result.candidates if c.finished}
    assert result.chosen == max(values, key=lambda index: values[index])


def test_two_rounds_cost_what_they_say() -> None:
    strategy = SuccessiveHalving(num_trajectories=8, rounds=((0.25, 4), (0.5, 2)))
    output = tiny_pipe()(PROMPT, strategy=strategy, seed=1)
    assert output.ledger.tokens == 8 * 4 + 4 * 4 + 2 * 8
    assert [c.fate for c in output.candidates[0]].count("cut at step 4: not among the best") == 4


def test_without_rounds_it_completes_all() -> None:
    output = tiny_pipe()(PROMPT, strategy=SuccessiveHalving(num_trajectories=3, rounds=()), seed=1)
    assert output.ledger.tokens == 48


@pytest.mark.parametrize("name", ["successive-halving", "verifier-halving"])
def test_a_round_after_all_steps_is_refused(name: str) -> None:
    strategy = build_strategy({"name": name, "rounds": [[0.95, 1]]})
    with pytest.raises(ConfigError, match=r"has 16 steps, so that a round after 0.95 of them comes when all are drawn"):
        strategy.search(Setting((4, 4), 3.0, 0))
    strategy.search(Setting((5, 5), 3.0, 0))


def test_shares_that_binary_numbers_miss_are_what_they_say() -> None:
    assert SuccessiveHalving(rounds=((0.07, 4), (0.55, 2))).rounds_of(400) == {28: 4, 220: 2}


@pytest.mark.parametrize(
    ("rounds", "message"),
    [([[0.5, 2], [0.25, 1]], "must ascend"), ([[1.0, 2]], "between 0 and 1"), ([[0.25, 2], [0.5, 2]], "must descend")],
)
def test_wrong_rounds_are_refused(rounds: list[list[float]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SuccessiveHalving.model_validate({"rounds": rounds})
