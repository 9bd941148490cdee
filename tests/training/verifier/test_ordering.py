"""Words of prompts, who teaches, soft labels, and the loss of an order."""

from pathlib import Path

import numpy as np
import pytest
import torch

from scalingar.analysis.prefixes.forks import means_by_length
from scalingar.models.embedded.grammar import parse
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
    np.savez(tmp_path / "00001.npz", lengths=np.array([4, 8]), labels=labels)
    reward = torch.tensor([[0.5, 0.25], [1.0, 2.0]])
    soft = Soft.drawn(tmp_path, reward)
    told = soft.of(torch.tensor([1, 1, 1, 1, 0]), torch.tensor([1, 4, 5, 9, 2]))
    wanted = [*labels.T[[0, 0, 1, 2]].tolist(), [0.5, 0.25]]
    assert told.numpy() == pytest.approx(np.array(wanted))
    assert soft.some(torch.tensor([1])).of(torch.tensor([0]), torch.tensor([16])).tolist() == [[1.0, 2.0]]


def test_every_fourth_prompt_examines_and_every_prompt_has_noise_of_its_own() -> None:
    assert examining(9).tolist() == [False, False, False, True] * 2 + [False]
    assert seeds("embedded", 2, 2) == [7_000_200, 7_000_300]
    assert seeds("embedded-next-scale", 0, 1) == [5_000_000]


def test_completions_of_other_numbers_are_not_mixed(tmp_path: Path) -> None:
    prompts = [f"prompt {number}" for number in range(5)]
    np.savez(tmp_path / "00001.npz", completions=3)
    assert [number for _, number in missing(tmp_path, prompts, 3)] == [0, 2, 4]
    with pytest.raises(SystemExit, match="is of 3 completions, not 2"):
        list(missing(tmp_path, prompts, 2))
