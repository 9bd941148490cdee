"""Logits, features and values that are not numbers end a trajectory or the image; nothing is chosen by them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from scalingar.core.errors import ConfigError, DecodingError
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.rewards.features import FEATURES
from scalingar.strategies import FRTTS, PreviewThenFinish, RandomOfN, TTSVar, VerifierHalving, VerifierOfN
from scalingar.strategies.strategy import Strategy
from tests.tiny.pipes import PROMPT, tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe, var_pipe
from tests.tiny.verifiers import folder_of, state_head


def without_unconditional_branch(pipe: ImagePipeline, patch: pytest.MonkeyPatch) -> ImagePipeline:
    """Its model's unconditional logits are NaN from the fourth step on."""
    model: Any = pipe.model
    step = model.step

    def broken(*args: Any, **options: Any) -> torch.Tensor:
        logits: torch.Tensor = step(*args, **options).clone()
        if int(torch.as_tensor(args[1]).max()) >= 3:
            logits[len(logits) // 2 :] = torch.nan
        return logits

    patch.setattr(model, "step", broken)
    return pipe


@pytest.mark.parametrize("distribution", ["guided", "conditional"])
@pytest.mark.parametrize(("make", "prompt"), [(tiny_pipe, PROMPT), (var_pipe, "3"), (infinity_pipe, "3")])
def test_a_row_with_one_broken_branch_is_cut_whatever_the_profile_reads(
    make: Callable[[], ImagePipeline], prompt: str, distribution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = RandomOfN(num_trajectories=2, profile={"distribution": distribution})
    with pytest.raises(DecodingError, match="not a number in every row"):
        without_unconditional_branch(make(), monkeypatch)(prompt, strategy=strategy, seed=1)


@pytest.mark.parametrize("make", [VerifierOfN, VerifierHalving])
def test_nothing_is_chosen_by_a_verifier_that_tells_no_numbers(make: type[Strategy]) -> None:
    pipe, folder = tiny_pipe(), folder_of(32, 16)
    for weight in state_head(pipe.verifier(folder)).judge.parameters():
        torch.nn.init.constant_(weight, torch.nan)
    strategy = make.from_dict({"verifier": folder, "num_trajectories": 4}, "strategy")
    with pytest.raises(DecodingError, match="not a number; check the verifier and the model's dtype"):
        pipe(PROMPT, strategy=strategy, seed=1)


def test_features_that_are_not_numbers_are_told() -> None:
    def features(images: Any) -> torch.Tensor:
        tokens = torch.rand(len(images), 4, 3, generator=torch.Generator().manual_seed(0))
        tokens[0] = torch.nan
        return tokens

    strategies: list[tuple[ImagePipeline, str, Strategy]] = [
        (tiny_pipe(), PROMPT, FRTTS(num_trajectories=4, checks=(0.25,), feature="broken", reward="confidence")),
        (tiny_pipe(), PROMPT, PreviewThenFinish(num_trajectories=4, judge="clusters", feature="broken")),
        (infinity_pipe(), "3", TTSVar(feature="broken", reward="confidence")),
    ]
    with FEATURES.temporarily("broken", lambda source, *, device: features):
        for pipe, prompt, strategy in strategies:
            with pytest.raises(DecodingError, match=r"features of images \[0\] hold values that are not numbers"):
                pipe(prompt, strategy=strategy, seed=1)


def test_a_reward_is_not_asked_before_its_verifier_has_read_the_scale() -> None:
    pipe = infinity_pipe()
    pipe.own_verifier = folder_of(32, 7)
    by_reward = PreviewThenFinish(num_trajectories=6, keep=1, at=3, reward="verifier")
    with pytest.raises(ConfigError, match="right after a scale, which a verifier of hidden states has not read"):
        pipe("3", strategy=by_reward, seed=4)
    assert pipe("3", strategy=by_reward.model_copy(update={"reward": None, "judge": "verifier"}), seed=4).images
    finished = {"name": "best-of-n", "num_trajectories": 2, "reward": "verifier"}
    assert pipe("3", strategy=finished, seed=4).images
