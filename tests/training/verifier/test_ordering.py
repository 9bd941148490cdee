"""Words of prompts, and the loss of an order."""

import torch

from scalingar.models.embedded.grammar import parse
from training.verifier.ordering import WORDS, loss_of, words_of


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
