"""Pairs within a prompt, probes that never saw the prompt, and the reading of positions."""

import numpy as np
import pytest

from scalingar.analysis.verifiers.examination import bellman_error, pairs_right, stops
from scalingar.bench.benchmarks.geneval.prompts import official_prompts
from training.verifier.drawn.prompts import training_prompts
from training.verifier.probe import held_out


def test_pairs_of_a_prompt_by_hand() -> None:
    truth = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [0.0, 1.0, 1.0], [np.nan, 1.0, 0.0]])
    values = np.array([[1.0, 3.0, 2.0], [1.0, 2.0, 3.0], [5.0, 5.0, 4.0], [1.0, 2.0, 3.0]])
    # two of three pairs; no pair; a tie and a wrong one; not known
    assert pairs_right(values, truth).tolist() == pytest.approx([2 / 3, 0.25])


def test_a_probe_finds_what_the_reward_is_made_of_and_not_how_hard_a_prompt_is() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(40, 6, 2, 5)) + 10 * generator.normal(size=(40, 1, 1, 5))
    reward = inputs[:, :, 1, 2] + 100 * generator.normal(size=(40, 1))
    predicted = held_out(inputs, reward)
    assert pairs_right(predicted[:, :, 1], reward).mean() > 0.95
    assert abs(pairs_right(predicted[:, :, 0], reward).mean() - 0.5) < 0.1
    np.testing.assert_allclose(predicted.mean(1), 0, atol=1e-9)


def test_bellman_error_of_values_that_never_change_is_0() -> None:
    reward = np.random.default_rng(1).normal(size=(5, 4))
    centred = reward - reward.mean(1, keepdims=True)
    assert bellman_error(np.repeat(centred[:, :, None], 3, 2), reward) == pytest.approx([0, 0, 0], abs=1e-9)
    assert bellman_error(np.zeros((5, 4, 2)), reward) == pytest.approx([0, 1])


def test_prefixes_and_prompts() -> None:
    assert stops(144) == [18, 36, 72, 108, 143]
    prompts = training_prompts(50, 3)
    assert len(set(prompts)) == 50
    assert not {metadata.prompt for metadata in official_prompts()} & set(prompts)
