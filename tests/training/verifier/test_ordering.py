"""Words of prompts, and the loss of an order."""

from pathlib import Path

import numpy as np
import pytest
import torch

from scalingar.analysis.prefixes.forks import means_by_length
from scalingar.models.embedded.grammar import parse
from training.verifier.ordering import WORDS, Soft, loss_of, words_of


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
