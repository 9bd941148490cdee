"""Words of prompts, who teaches, soft labels, and the loss of an order."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from scalingar.analysis.prefixes.forks import means_by_length
from scalingar.models.embedded.grammar import parse
from tests.training.verifier.drawings import completed, tiny_outcomes
from training.verifier.drawn.completions import Soft, missing
from training.verifier.drawn.prompts import WORDS, examining, seeds, words_of
from training.verifier.ordering import loss_of


def test_words_are_terminals_up_to_the_length_that_is_read() -> None:
    words = words_of(["a photo of two dogs", "a dog and a cat and a cow and a car and a bus and a kite"])
    assert words.shape == (2, WORDS)
    ids = list(parse("a photo of two dogs").ids)
    assert words[0].tolist() == ids + [0] * (WORDS - len(ids))
    assert (words[1] > 0).all()


def test_the_right_order_costs_least_and_near_rewards_little() -> None:
    reward = torch.tensor([[0.0, 2.0]])
    right, wrong = loss_of(reward.clone(), reward), loss_of(reward.flip(1), reward)
    assert right < wrong
    near = torch.tensor([[0.0, 0.02]])
    assert loss_of(near.flip(1), near) - loss_of(near, near) < 0.01 * (wrong - right)


def test_a_prefix_is_worth_the_mean_of_all_that_begin_with_it(tmp_path: Path) -> None:
    """Two trajectories, two lengths, two completions of each prefix beside the trajectory itself."""
    own = np.array([1.0, 2.0])
    others = np.array([[[4.0, 7.0], [2.0, 2.0]], [[1.0, 4.0], [5.0, 8.0]]])  # length, trajectory, completion
    rewards = np.concatenate([np.stack([own, own])[..., None], others], 2)
    labels = means_by_length(rewards)
    assert labels == pytest.approx(np.array([[17 / 5, 6 / 3, 1], [19 / 5, 15 / 3, 2]]))
    outcomes = tiny_outcomes(4)  # three teach
    folder = completed(tmp_path, outcomes, {0: labels - 9, 1: labels, 2: labels + 9})
    soft = Soft.drawn(tmp_path, "embedded", outcomes)
    told = soft.of(torch.tensor([1, 1, 1, 1, 3]), torch.tensor([1, 4, 5, 9, 2]))
    wanted = [*labels.T[[0, 0, 1, 2]].tolist(), outcomes.reward[3].tolist()]
    assert told.numpy() == pytest.approx(np.array(wanted))
    assert soft.some(torch.arange(4) == 1).of(torch.tensor([0]), torch.tensor([16])).tolist() == [[1.0, 2.0]]
    assert soft.completions == 3
    (folder / "00002.npz").unlink()
    with pytest.raises(SystemExit, match="lacks the completions of 1 of 3 prompts that teach, first of number 2; run"):
        Soft.drawn(tmp_path, "embedded", outcomes)


def test_every_fourth_prompt_examines_and_every_prompt_has_noise_of_its_own() -> None:
    assert examining(9).tolist() == [False, False, False, True] * 2 + [False]
    assert seeds("embedded", 2, 2) == [7_000_200, 7_000_300]
    assert seeds("embedded-next-scale", 0, 1) == [5_000_000]


def test_completions_of_other_numbers_are_not_mixed(tmp_path: Path) -> None:
    outcomes, labels = tiny_outcomes(5), np.zeros((2, 3))
    folder = completed(tmp_path, outcomes, {1: labels})
    assert [number for _, number in missing(folder, outcomes, 3)] == [0, 2, 4]
    with pytest.raises(SystemExit, match="is of 3 completions, not 2"):
        list(missing(folder, outcomes, 2))
    completed(tmp_path, outcomes, {0: labels, 2: labels, 4: labels}, completions=2)
    with pytest.raises(SystemExit, match="mixes 2 and 3 completions"):
        Soft.drawn(tmp_path, "embedded", outcomes)


def test_completions_of_other_prompts_or_trajectories_are_refused(tmp_path: Path) -> None:
    outcomes = tiny_outcomes(1)
    folder = completed(tmp_path, outcomes, {0: np.zeros((2, 3))})
    with pytest.raises(SystemExit, match=r"is of 2 trajectories of 'a photo of .*', not 2 of 'a photo of a kite'"):
        list(missing(folder, replace(outcomes, prompts=["a photo of a kite"]), 3))
    completed(tmp_path, outcomes, {0: np.zeros((4, 3))})
    with pytest.raises(SystemExit, match=r"is of 4 trajectories of .*, not 2 of"):
        Soft.drawn(tmp_path, "embedded", outcomes)
