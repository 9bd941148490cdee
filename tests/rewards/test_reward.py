"""Rewards by name, rewards of one's own, and what the pipeline does with them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.outputs import Candidate, Truncation
from scalingar.models.prompts.encoders import UnknownWordsWarning
from scalingar.report import result_dict
from scalingar.rewards import (
    REWARDS,
    ImageReward,
    PixelReward,
    TruncationWarning,
    WithoutWeights,
    build_reward,
    check_reward,
    scoring,
)
from scalingar.strategies import BestOfN
from tests.tiny.pipes import PROMPT, tiny_pipe
from tests.tiny.rewards import save_tiny_image_reward


@pytest.fixture
def register() -> Iterator[Callable[[str, Any], Any]]:
    """Registers rewards for one test."""
    with ExitStack() as stack:
        yield lambda name, reward: stack.enter_context(REWARDS.temporarily(name, reward))


def brightness(prompt: str, images: list[Image.Image]) -> list[float]:
    return [float(np.asarray(image).mean()) for image in images]


def test_a_function_is_a_reward(register: Callable[[str, Any], Any]) -> None:
    register("mean-pixel", scoring(brightness))
    output = tiny_pipe()(PROMPT, strategy=BestOfN(reward="mean-pixel", num_trajectories=4), seed=3)
    candidates = output.results[0].candidates
    pictures = [c.image for c in candidates if c.image is not None]
    assert [c.rewards["mean-pixel"] for c in candidates] == brightness("", pictures)
    assert output.results[0].chosen == int(np.argmax(brightness("", pictures)))
    assert (output.ledger.reward_calls, output.ledger.decodes) == (4, 4)


class Counting(PixelReward):
    """Counts how often it is built and asked."""

    built = 0

    def __init__(self) -> None:
        type(self).built += 1
        self.asked: list[tuple[str, int]] = []

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        self.asked.append((prompt, len(images)))
        return [float(len(self.asked))] * len(images)


def test_built_once_per_pipeline_and_asked_once_per_prompt(register: Callable[[str, Any], Any]) -> None:
    register("counting", WithoutWeights(Counting))
    pipe = tiny_pipe()
    strategy = BestOfN(reward="counting", num_trajectories=2)
    pipe(["a dog", "a cat"], strategy=strategy)
    pipe("a cow", strategy=strategy)
    assert Counting.built == 1
    assert pipe.reward("counting").asked == [("a dog", 2), ("a cat", 2), ("a cow", 2)]  # type: ignore[attr-defined]


def test_candidates_of_several_prompts_keep_their_order() -> None:
    def candidate(prompt: str) -> Candidate:
        import torch

        return Candidate(prompt, 0, torch.zeros(1), None, {}, {}, image=Image.new("RGB", (2, 2)))

    assert Counting()([candidate(prompt) for prompt in ("a", "b", "a", "c")]) == [1.0, 2.0, 1.0, 3.0]


def test_a_built_reward_has_a_name_of_its_own(register: Callable[[str, Any], Any], tmp_path: Path) -> None:
    mine = ImageReward(save_tiny_image_reward(tmp_path), batch_size=2)
    register("mine", WithoutWeights(lambda: mine))
    assert build_reward("mine", device="cpu") is mine


def test_weights_of_ones_own_by_name_and_source(tmp_path: Path) -> None:
    text = f"image-reward:{save_tiny_image_reward(tmp_path)}"
    result = tiny_pipe()("a red dog", strategy=BestOfN(reward=text, num_trajectories=3)).results[0]
    scores = [candidate.rewards[text] for candidate in result.candidates]
    assert result.chosen == int(np.argmax(scores))
    assert result.truncated == {}


def test_what_a_reward_did_not_read_stands_in_the_result(tmp_path: Path) -> None:
    text = f"image-reward:{save_tiny_image_reward(tmp_path)}"
    prompt = "a dog " + "on the mat " * 12
    with pytest.warns(TruncationWarning), pytest.warns(UnknownWordsWarning):
        result = tiny_pipe()(prompt, strategy=BestOfN(reward=text, num_trajectories=2)).results[0]
    assert result.truncated == {text: Truncation(40, 35, "the mat on the mat ")}
    assert result_dict(result, steps=False)["truncated"][text]["unread"] == "the mat on the mat "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_reward", "'image_reward' is not among the rewards; did you mean 'image-reward'"),
        ("hps:/x", "'hps' is not among the rewards"),
        ("pmi:/x", "the reward 'pmi' has no weights to choose; leave ':/x' out"),
        ("image-reward:", "ends in ':'; add a file"),
    ],
)
def test_wrong_names_are_found_before_anything_is_loaded(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_reward(text)
    with pytest.raises(ConfigError, match=message):
        tiny_pipe()(PROMPT, strategy=BestOfN(reward=text))


def test_missing_weights_are_told_before_anything_is_decoded() -> None:
    with pytest.raises(WeightsError, match=r"image-reward finds no weights at /nowhere"):
        tiny_pipe().stream(PROMPT, strategy=BestOfN(reward="image-reward:/nowhere"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0], "'odd' returned 1 numbers for 2 images"),
        ([1.0] * 6, "'odd' returned 6 numbers for 2 images"),
        ([1.0, float("nan")], "'odd' returned nan for image 1"),
        ([1.0, "good"], "'odd' returned 'good' for image 1; it must be a number"),
        ([1.0, None], "'odd' returned None for image 1"),
        ([1.0, 1j], "'odd' returned 1j for image 1"),
        (np.ones((2, 2)), r"'odd' returned \[1.0, 1.0\] for image 0"),
        (None, "'odd' returned None; it must return a list of one number for each image"),
        (1.0, "'odd' returned 1.0; it must"),
        ("12", "'odd' returned '12'; it must"),
    ],
)
def test_odd_answers_are_refused(values: Any, message: str, register: Callable[[str, Any], Any]) -> None:
    register("odd", scoring(lambda prompt, images: values))
    with pytest.raises(ConfigError, match=message):
        tiny_pipe()("a dog", strategy=BestOfN(reward="odd", num_trajectories=2))


@pytest.mark.parametrize("make", [np.array, torch.tensor, tuple, iter])
def test_any_sequence_of_numbers_is_an_answer(make: Any, register: Callable[[str, Any], Any]) -> None:
    register("any", scoring(lambda prompt, images: make([1.0, 2.0])))
    output = tiny_pipe()("a dog", strategy=BestOfN(reward="any", num_trajectories=2))
    assert [candidate.rewards["any"] for candidate in output.candidates[0]] == [1.0, 2.0]


def test_what_a_reward_paints_is_not_handed_out(register: Callable[[str, Any], Any]) -> None:
    def paint(prompt: str, images: list[Image.Image]) -> list[float]:
        for image in images:
            image.paste((255, 0, 0), (0, 0, *image.size))
        return [0.0] * len(images)

    register("painting", scoring(paint))
    register("looking", scoring(lambda prompt, images: [0.0] * len(images)))
    painted, seen = (
        tiny_pipe()("a dog", strategy=BestOfN(reward=name, num_trajectories=2)).images[0].tobytes()
        for name in ("painting", "looking")
    )
    assert painted == seen
