from typing import Any, Literal

import numpy as np
import pytest
import torch
from PIL import Image

from scalingar.core.errors import ConfigError, DecodingError, PromptError
from scalingar.core.pixels import rounded
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.prompts.encoders import UnknownWordsWarning
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.profile.profile_config import ProfileConfig
from scalingar.rewards import REWARDS, scoring
from scalingar.strategies import BestOfN, ImportanceSampling
from tests.tiny.pipes import PROMPT, Broken, tiny_pipe


def test_output_types_agree() -> None:
    pipe = tiny_pipe()
    pil, array, tensor, codes = (
        pipe(PROMPT, output_type=kind, seed=1).images[0] for kind in ("pil", "np", "pt", "codes")
    )
    assert pil.size == (16, 16)
    assert array.shape == (16, 16, 3)
    assert tensor.shape == (3, 16, 16)
    np.testing.assert_allclose(array, tensor.permute(1, 2, 0).numpy())
    assert pil.tobytes() == rounded(tensor * 2 - 1).tobytes()
    assert rounded(pipe.decode(codes[None])[0]).tobytes() == pil.tobytes()


def test_repeats_are_neighbouring_seeds_prompt_major() -> None:
    pipe = tiny_pipe()
    both = pipe(["a dog", "a cat"], num_images_per_prompt=2, seed=8)
    assert [(r.prompt, r.seed) for r in both.results] == [("a dog", 8), ("a dog", 9), ("a cat", 8), ("a cat", 9)]
    alone = pipe("a dog", seed=9)
    assert alone.images[0].tobytes() == both.images[1].tobytes()


def test_looks_per_batch_changes_no_choice_and_is_in_the_recipe() -> None:
    pipe, strategy = tiny_pipe(), BestOfN(num_trajectories=5, reward="brightness")
    with REWARDS.temporarily("brightness", scoring(lambda _, images: [np.asarray(image).mean() for image in images])):
        single, batched = (pipe(PROMPT, strategy=strategy, looks_per_batch=looks) for looks in (None, 3))
    assert (single.infos[0].recipe.looks_per_batch, batched.infos[0].recipe.looks_per_batch) == (1, 3)
    assert single.results[0].chosen == batched.results[0].chosen
    assert single.ledger.decodes == batched.ledger.decodes == 5
    for one, other in zip(single.candidates[0], batched.candidates[0], strict=True):
        assert torch.equal(one.codes, other.codes)
        difference = np.abs(np.asarray(one.image, np.int16) - np.asarray(other.image, np.int16))
        assert difference.max() <= 1, "a last bit of the pixels may cross a level"


def test_looks_per_batch_is_at_least_one() -> None:
    with pytest.raises(ConfigError, match="looks_per_batch=0: must be >= 1"):
        tiny_pipe()(PROMPT, looks_per_batch=0)


def test_callback_sees_every_step() -> None:
    seen: list[tuple[int, int]] = []

    def callback(pipe: ImagePipeline, step: int, total: int, values: dict[str, Any]) -> None:
        assert len(values["C"]) == len(values["indices"])
        seen.append((step, total))

    tiny_pipe()(PROMPT, callback_on_step_end=callback)
    assert seen == [(step, 16) for step in range(16)]


def test_stream_can_be_left_early_and_otherwise_holds_the_output() -> None:
    stream = tiny_pipe().stream(PROMPT)
    assert next(iter(stream)).position == 0
    assert len(list(stream)) == 15
    assert isinstance(stream.output.images[0], Image.Image)
    assert stream.output is stream.output


def test_reading_the_output_makes_the_steps_that_nobody_read() -> None:
    stream = tiny_pipe().stream(PROMPT)
    next(iter(stream))
    whole = tiny_pipe()(PROMPT).images[0]
    assert stream.output.images[0].tobytes() == whole.tobytes()
    assert list(stream) == []


def test_noise_of_the_device_draws_other_images_and_is_in_the_recipe() -> None:
    pipe = tiny_pipe()
    plain, host, device, again = (pipe(PROMPT, seed=3, noise=noise) for noise in (None, "host", "device", "device"))
    assert [output.infos[0].recipe.noise for output in (plain, host, device)] == ["host", "host", "device"]
    drawn = [torch.stack([c.codes for c in output.candidates[0] if c.finished]) for output in (plain, host)]
    assert torch.equal(*drawn)
    assert not torch.equal(device.results[0].best.codes, host.results[0].best.codes)
    assert torch.equal(device.results[0].best.codes, again.results[0].best.codes)


def test_a_trajectory_on_device_noise_does_not_depend_on_the_others() -> None:
    pipe = tiny_pipe()
    four, eight = (
        pipe(PROMPT, strategy="best-of-n", num_trajectories=n, noise="device", max_rows=8).candidates[0] for n in (4, 8)
    )
    assert all(torch.equal(a.codes, b.codes) for a, b in zip(four, eight[:4], strict=True))
    cut = pipe([PROMPT, "a dog"], strategy="scaling-ar", num_trajectories=8, noise="device", guidance_scale=3.0)
    assert any(not candidate.finished for candidate in cut.candidates[0])
    first = pipe(PROMPT, strategy="scaling-ar", num_trajectories=8, noise="device", guidance_scale=3.0)
    for alone, beside in zip(first.candidates[0], cut.candidates[0], strict=True):
        assert torch.equal(alone.codes, beside.codes)


def test_what_is_drawn_one_after_the_other_needs_no_rows_for_all() -> None:
    pipe, strategy = tiny_pipe(), {"name": "stop-when-good", "num_trajectories": 8, "reward": "pmi"}
    one, all_at_once = (pipe(PROMPT, strategy=strategy, max_rows=rows, seed=1).results[0] for rows in (1, None))
    assert [each.codes.tolist() for each in one.candidates] == [each.codes.tolist() for each in all_at_once.candidates]


def test_guidance_of_one_or_less_runs_one_branch() -> None:
    output = tiny_pipe()(PROMPT, strategy="single", guidance_scale=1.0)
    assert output.ledger.forward_rows == 15
    assert output.results[0].best.trace["K"].max() == 0


def test_preview_of_a_cut_candidate_is_grey_where_nothing_was_drawn() -> None:
    pipe = tiny_pipe()
    candidate = next(c for c in pipe(PROMPT, seed=4).candidates[0] if not c.finished)
    pixels = np.asarray(pipe.preview(candidate))
    row, column = divmod(candidate.tokens, 4)
    assert (pixels[4 * row : 4 * row + 4, 4 * column :] == 128).all()
    assert (pixels[: 4 * row] != 128).any()


def test_a_row_of_nan_is_cut_and_named() -> None:
    candidates = tiny_pipe(Broken(rows=[2], at=5))(PROMPT, strategy="best-of-n").candidates[0]
    assert candidates[2].fate == "cut at step 6: not a number"
    assert all(c.finished for c in candidates if c.index != 2)


def test_all_rows_nan_is_an_error() -> None:
    with pytest.raises(DecodingError, match=r"no trajectory of .* is left at step 6: not a number"):
        tiny_pipe(Broken(rows=None, at=5))(PROMPT)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"prompt": ""}, PromptError, "the prompt is empty"),
        ({"prompt": []}, PromptError, "list of prompts is empty"),
        ({"prompt": "flying dragons"}, PromptError, "no word of 'flying dragons' is known"),
        ({"prompt": " ".join(["dog"] * 9)}, PromptError, "9 known words"),
        ({"strategy": "scaling_ar"}, ConfigError, "did you mean 'scaling-ar'"),
        ({"strategy": BestOfN(reward="pmy")}, ConfigError, "did you mean 'pmi'"),
        ({"strategy": {"name": "best-of-n", "rewards": "pmi"}}, ConfigError, "did you mean 'reward'"),
        ({"strategy": 3}, ConfigError, "strategy=3: must be a name or settings"),
        ({"num_trajectories": 0}, ConfigError, "num_trajectories is 0"),
        ({"strategy": "single", "num_trajectories": 2}, ConfigError, "'single' decodes one trajectory"),
        ({"num_images_per_prompt": 0}, ConfigError, "num_images_per_prompt is 0"),
        ({"seed": -1}, ConfigError, "seed is -1"),
        ({"output_type": "jpeg"}, ConfigError, "output_type is 'jpeg'"),
    ],
)
def test_wrong_input_is_one_sentence(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tiny_pipe()(**{"prompt": PROMPT, **arguments})


def test_unknown_words_are_named() -> None:
    with pytest.warns(UnknownWordsWarning, match="'happy'.* it reads 'dog'"):
        tiny_pipe()("a happy dog", strategy="single")


def test_best_of_n_takes_the_highest_reward() -> None:
    result = tiny_pipe()(PROMPT, strategy=BestOfN(reward="negative-entropy"), seed=2).results[0]
    rewards = [candidate.rewards["negative-entropy"] for candidate in result.candidates]
    assert result.chosen == int(np.argmax(rewards))
    assert rewards[0] == -result.candidates[0].signals["entropy"]


def test_a_strategy_is_named_configured_or_settings_of_a_recipe() -> None:
    pipe = tiny_pipe()
    ways = (BestOfN(num_trajectories=3, reward="pmi"), {"name": "best-of-n", "num_trajectories": 3, "reward": "pmi"})
    configured, settings = (pipe(PROMPT, strategy=way, seed=2).results[0] for way in ways)
    assert configured.best.rewards == settings.best.rewards
    assert len(pipe(PROMPT, strategy={"num_trajectories": 2}).results[0].candidates) == 2, "the model's own strategy"


def test_guidance_interval_reaches_every_step() -> None:
    """Beyond it a code is drawn by the conditional logits alone."""
    pipe = tiny_pipe()
    always, until_two, unguided = (
        pipe(
            PROMPT,
            strategy={"name": "best-of-n", "reward": "log-likelihood"},
            seed=2,
            guidance_scale=scale,
            sampling=SamplingConfig(guidance_interval=k),
        )
        for scale, k in ((3.0, -1), (3.0, 1), (1.0, -1))
    )
    first, second = (output.results[0].candidates[0] for output in (always, until_two))
    assert torch.equal(first.codes[:3], second.codes[:3])
    assert not torch.equal(first.codes, second.codes)
    entropies = [output.results[0].candidates[0].trace["entropy"] for output in (always, until_two)]
    np.testing.assert_array_equal(entropies[0][:3], entropies[1][:3])
    assert unguided.ledger.forward_rows * 2 == until_two.ledger.forward_rows


def test_beyond_the_guidance_interval_the_conditional_distribution_is_judged() -> None:
    def entropies(distribution: Literal["guided", "conditional"]) -> np.ndarray:
        profile = ProfileConfig(distribution=distribution)
        output = tiny_pipe()(
            PROMPT, strategy=BestOfN(profile=profile), seed=2, sampling=SamplingConfig(guidance_interval=4)
        )
        return output.results[0].candidates[0].trace["entropy"]

    equal = np.isclose(entropies("guided"), entropies("conditional"), rtol=0, atol=1e-6)
    assert not equal[:6].any()
    assert equal[6:].all()


def test_importance_sampling_follows_its_temperature() -> None:
    pipe = tiny_pipe()
    cold = ImportanceSampling(reward="pmi", temperature_inverse=1e6)
    best = pipe(PROMPT, strategy=BestOfN(reward="pmi"), seed=2).results[0].chosen
    assert pipe(PROMPT, strategy=cold, seed=2).results[0].chosen == best
    hot = ImportanceSampling(reward="pmi", temperature_inverse=0.0)
    assert len({pipe(PROMPT, strategy=hot, seed=s).results[0].chosen for s in range(12)}) > 2


def test_bf16_weights_run_and_stay_finite() -> None:
    pipe = tiny_pipe()
    assert isinstance(pipe.model, torch.nn.Module)
    pipe.model.to(torch.bfloat16)
    assert pipe(PROMPT, seed=1).results[0].best.finished
