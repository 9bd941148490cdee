"""Preview-then-finish: who is judged when, what it costs, and that both kinds of models do it."""

from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.core.outputs import PromptResult
from scalingar.rewards.reward import REWARDS, scoring
from scalingar.strategies.build_strategy import build_strategy
from scalingar.strategies.preview_then_finish import PreviewThenFinish
from scalingar.strategies.setting import Setting
from tests.tiny.glm_pipe import GRID, PREVIEW, glm_pipe
from tests.tiny.pipes import PROMPT, tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe
from tests.tiny.scales import SCALES, redness, run
from tests.tiny.verifiers import folder_of

FIRST, ALL = 6, 12
"""Codes of the tiny GLM-Image's preview, and of preview and large grid."""
PROMPT_OF = {glm_pipe: "a red dog", tiny_pipe: PROMPT}


def glm(**settings: Any) -> Any:
    strategy = {"name": "preview-then-finish", "num_trajectories": 4, "reward": "log-likelihood", **settings}
    return glm_pipe()("a red dog", strategy=strategy, seed=3)


def finished(result: PromptResult) -> list[int]:
    return [candidate.index for candidate in result.candidates if candidate.finished]


# --- a model with a preview of its own --------------------------------------------------------------


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_best_previews_go_on(keep: int) -> None:
    complete = glm_pipe()("a red dog", strategy="random-of-n", num_trajectories=4, seed=3).candidates[0]
    likelihoods = [float(candidate.trace["log_p"][:FIRST].astype(np.float64).mean()) for candidate in complete]
    output = glm(keep=keep)
    result = output.results[0]
    assert finished(result) == sorted(np.argsort(likelihoods)[::-1][:keep].tolist())
    for candidate, whole in zip(result.candidates, complete, strict=True):
        assert torch.equal(candidate.codes, whole.codes[: len(candidate.codes)])
        assert len(candidate.codes) == (ALL if candidate.finished else FIRST)
    kept = {index: complete[index].signals["log_likelihood"] for index in finished(result)}
    assert result.chosen == max(kept, key=lambda index: kept[index])


def test_costs_are_those_of_previews_and_of_what_is_kept() -> None:
    output = glm(keep=1)
    ledger = output.ledger
    assert (ledger.tokens, ledger.preview_tokens) == (4 * FIRST + 6, 4 * FIRST)
    assert (ledger.decodes, ledger.reward_calls) == (1, 0)  # a signal makes no picture
    assert output.full_tokens == 4 * ALL
    assert "preview_tokens" in ledger.to_dict()
    assert "preview_tokens" not in tiny_pipe()(PROMPT, strategy="single").ledger.to_dict()


def test_a_reward_sees_whole_previews_and_their_prompt() -> None:
    pipe = glm_pipe()
    with REWARDS.temporarily("redness", scoring(redness)):
        output = pipe("a red dog", strategy=PreviewThenFinish(num_trajectories=3, reward="redness"), seed=3)
    looked, shown = pipe.tokenizer.seen[:3], pipe.tokenizer.seen[3:]  # type: ignore[union-attr]
    assert [(prompts, grid) for prompts, _, grid in looked] == [(["a red dog"], PREVIEW)] * 3
    assert [(prompts, grid) for prompts, _, grid in shown] == [(["a red dog"], GRID)]
    assert (output.ledger.decodes, output.ledger.reward_calls) == (4, 3)
    rewards = [candidate.trace["reward"] for candidate in output.candidates[0]]
    assert all(np.isfinite(reward[FIRST]) for reward in rewards)


def test_clusters_keep_one_of_each() -> None:
    output = glm(judge="clusters", keep=2)
    assert len(finished(output.results[0])) == 2
    assert output.ledger.feature_calls == 4
    reasons = {candidate.cut.reason for candidate in output.candidates[0] if candidate.cut}
    assert reasons == {"another of its cluster went on"}


@pytest.mark.parametrize("keep", [1, 2])
@pytest.mark.parametrize(("make", "states", "steps", "at"), [(glm_pipe, 32, 12, None), (tiny_pipe, 32, 16, 4)])
def test_a_verifier_keeps_what_it_values_most_and_sees_no_picture(
    make: Any, states: int, steps: int, at: int | None, keep: int
) -> None:
    """Its values are those of whole trajectories after as many steps, and of several kept it takes the best."""
    pipe, folder, end = make(), folder_of(states, steps), at or FIRST
    halving = {"name": "verifier-halving", "verifier": folder, "rounds": [[end / steps, 2]], "num_trajectories": 4}
    told = pipe(PROMPT_OF[make], strategy=halving, seed=3).candidates[0]
    values = [float(one.trace["verifier"][end]) for one in told]
    strategy = {"name": "preview-then-finish", "judge": "verifier", "verifier": folder, "at": at, "keep": keep}
    output = pipe(PROMPT_OF[make], strategy=strategy, num_trajectories=4, seed=3)
    result = output.results[0]
    assert finished(result) == sorted(np.argsort(values)[::-1][:keep].tolist())
    assert [float(one.trace["verifier"][end]) for one in result.candidates] == pytest.approx(values)
    best = max(finished(result), key=lambda index: result.candidates[index].signals["verifier"])
    assert result.chosen == best
    assert (output.ledger.decodes, output.ledger.reward_calls, output.ledger.feature_calls) == (1, 0, 0)
    assert output.ledger.seconds["verifier"] > 0


def test_a_reward_may_pick_among_those_that_a_verifier_kept() -> None:
    strategy = {"judge": "verifier", "verifier": folder_of(32, 12), "keep": 3}
    result = glm(**strategy).results[0]
    kept = {index: result.candidates[index].rewards["log-likelihood"] for index in finished(result)}
    assert len(kept) == 3
    assert result.chosen == max(kept, key=lambda index: kept[index])


def test_a_share_or_a_number_of_steps_can_be_named_instead() -> None:
    assert {len(c.codes) for c in glm(at=3).candidates[0] if c.cut} == {3}
    assert {len(c.codes) for c in glm(at=0.75).candidates[0] if c.cut} == {9}


def test_every_seed_of_a_batch_is_that_of_the_image_alone() -> None:
    pipe, strategy = glm_pipe(), PreviewThenFinish(num_trajectories=3, reward="log-likelihood")
    together = pipe(["a red dog", "a dog left of a red apple"], strategy=strategy, seed=[5, 9], output_type="codes")
    for number, (prompt, seed) in enumerate((("a red dog", 5), ("a dog left of a red apple", 9))):
        alone = pipe(prompt, strategy=strategy, seed=seed, output_type="codes")
        assert torch.equal(alone.images[0], together.images[number])


# --- other models --------------------------------------------------------------------------------


def test_a_next_scale_model_stops_at_a_scale() -> None:
    engine = run(PreviewThenFinish(num_trajectories=4, keep=2, reward="redness", at=2))
    (result,) = engine.results
    early = sum(height * width for height, width in SCALES[:2])
    assert {candidate.tokens for candidate in result.candidates if candidate.cut} == {early}
    assert len(finished(result)) == 2
    assert engine.ledger.tokens == 2 * early + 2 * sum(height * width for height, width in SCALES)
    assert (engine.ledger.decodes, engine.ledger.reward_calls) == (4 + 2, 4 + 2)
    # Only those that go on are run through the transformer at the next scale.
    later = 4 * SCALES[1][0] * SCALES[1][1] + 2 * sum(height * width for height, width in SCALES[2:])
    assert engine.ledger.forward_rows == 2 * later


def test_a_verifier_reads_the_last_scale_of_a_preview_too() -> None:
    """Its states have, so that it judges when the next scale has been run, for every row."""
    pipe, folder = infinity_pipe(), folder_of(32, 7)
    told = {"name": "verifier-halving", "verifier": folder, "rounds": [[3 / 7, 2]], "num_trajectories": 4}
    strategy = {"name": "preview-then-finish", "judge": "verifier", "verifier": folder, "at": 3, "keep": 2}
    halved = pipe(PROMPT, strategy=told, seed=1).results[0]
    output = pipe(PROMPT, strategy=strategy, num_trajectories=4, seed=1)
    assert finished(output.results[0]) == finished(halved)
    assert output.results[0].chosen == halved.chosen
    assert (output.ledger.decodes, output.ledger.reward_calls) == (1, 0)


def test_another_next_token_model_is_judged_by_a_prefix() -> None:
    output = tiny_pipe()(PROMPT, strategy="preview-then-finish", num_trajectories=4, seed=3)
    assert {candidate.tokens for candidate in output.candidates[0] if candidate.cut} == {8}  # half of 16
    assert output.ledger.preview_tokens is None


# --- settings ------------------------------------------------------------------------------------


def test_positions_of_models() -> None:
    preview = Setting((32, 32), 1.0, 0, preview=(16, 16))
    scales = Setting((4, 4), 3.0, 0, scales=((1, 1), (2, 2), (3, 3), (4, 4)))
    assert PreviewThenFinish().ends(preview) == 256
    assert (preview.total_steps, preview.preview_steps) == (1280, 256)
    assert PreviewThenFinish(at=0.2).ends(preview) == 256
    assert PreviewThenFinish().ends(scales) == 2
    assert PreviewThenFinish(at=3).ends(scales) == 3
    assert PreviewThenFinish().ends(Setting((4, 4), 3.0, 0)) == 8


def test_what_does_not_fit_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="at is 16, and an image of this model has 16 steps; it must be less"):
        tiny_pipe()(PROMPT, strategy=PreviewThenFinish(at=16))
    with pytest.raises(ConfigError, match="nothing asks the reward pmi; leave it out, or keep more than 1"):
        build_strategy({"name": "preview-then-finish", "judge": "clusters", "reward": "pmi"})
    with pytest.raises(ConfigError, match="nothing asks the verifier there; leave it out, or set judge to verifier"):
        build_strategy({"name": "preview-then-finish", "verifier": "there"})
    with pytest.raises(ConfigError, match="nothing asks the reward pmi; leave it out, or keep more than 1"):
        build_strategy({"name": "preview-then-finish", "judge": "verifier", "verifier": "there", "reward": "pmi"})
    with pytest.raises(ConfigError, match="needs a verifier"):
        glm(judge="verifier", reward=None)
    with pytest.raises(ConfigError, match="keep"):
        build_strategy({"name": "preview-then-finish", "keep": 0})
    with pytest.raises(ConfigError, match=r"share of T between 0 and 1"):
        build_strategy({"name": "preview-then-finish", "at": 1.5})


def test_without_a_second_branch_pmi_is_refused() -> None:
    for strategy in ("pmi-of-n", {"name": "best-of-n", "reward": "pmi"}):
        with pytest.raises(ConfigError, match=r"at guidance_scale 1 there is none; set it above 1"):
            glm_pipe()("a red dog", strategy=strategy)
    guided = glm_pipe()("a red dog", strategy="pmi-of-n", num_trajectories=2, guidance_scale=1.5)
    assert guided.ledger.forward_rows == 2 * guided.ledger.tokens - 2 * 2


@pytest.mark.parametrize(("keep", "count"), [(4, 4), (5, 4), (2, 1)])
def test_previews_that_nobody_would_judge_are_refused(keep: int, count: int) -> None:
    with pytest.raises(ConfigError, match=rf"keep is {keep} of {count} trajectories, so that no preview would be"):
        glm(keep=keep, num_trajectories=count)


def test_a_single_trajectory_is_finished_as_it_is() -> None:
    assert finished(glm(keep=1, num_trajectories=1).results[0]) == [0]
