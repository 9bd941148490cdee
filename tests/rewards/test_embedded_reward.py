from pathlib import Path

import pytest
import torch
from PIL import Image

from scalingar.bench.benchmarks.geneval.prompts import spell_out
from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.outputs import Candidate
from scalingar.rewards import EmbeddedReward, build_reward, score_candidates
from tests.upstream.world_renders import RENDERS, render

UNTOLD = {"bus below cat", "cat above bus", "bus left of cat", "yellow cup and red chair", "horse and banana"}
"""Relations, exchanged colours and one pair of animals, which this network does not tell apart: see docs/world.md."""


@pytest.fixture(scope="module")
def reward() -> EmbeddedReward:
    return EmbeddedReward()


@pytest.mark.parametrize("name", RENDERS)
def test_true_prompts_score_above_false_ones(reward: EmbeddedReward, name: str) -> None:
    true, false = RENDERS[name]
    told = [phrase for phrase in false if phrase not in UNTOLD]
    score = {phrase: reward.score(spell_out(phrase).prompt, [render(name)])[0] for phrase in (true, *told)}
    assert score[true] > max(score[phrase] for phrase in told) + 0.5


def test_the_right_picture_scores_above_a_blank_one(reward: EmbeddedReward) -> None:
    blank = Image.new("RGB", (96, 96), (206, 222, 236))
    for name, (true, _) in RENDERS.items():
        right, empty = reward.score(spell_out(true).prompt, [render(name), blank])
        assert right > empty + 2


def test_a_score_does_not_depend_on_the_others(reward: EmbeddedReward) -> None:
    images = [render(name) for name in RENDERS]
    together = reward.score("a photo of a dog", images)
    assert reward.score("a photo of a dog", images) == together
    alone = [reward.score("a photo of a dog", [image])[0] for image in images]
    assert alone == pytest.approx(together, abs=1e-4)
    assert reward.score("a photo of a dog", []) == []


def test_it_judges_candidates_by_their_own_prompts() -> None:
    prompts = ("a photo of a dog", "a photo of a cat", "a photo of a dog")
    candidates = [
        Candidate(prompt, i, torch.zeros(1, dtype=torch.long), None, {}, {}, image=render("dog"))
        for i, prompt in enumerate(prompts)
    ]
    scores = score_candidates(build_reward("embedded", device="cpu"), "embedded", candidates)
    assert scores[0] == scores[2] > scores[1]


def test_patch_features_follow_the_picture(reward: EmbeddedReward) -> None:
    dog, other = (reward.patch_features([render(name)])[0] for name in ("dog", "three-clock"))
    grid, width = reward.network.config.grid, reward.network.config.widths[2]
    assert dog.shape == (grid * grid, width)
    assert torch.equal(dog, reward.patch_features([render("dog")])[0])
    assert not torch.allclose(dog.mean(0), other.mean(0), atol=0.1)


def test_it_refuses_what_it_cannot_use(reward: EmbeddedReward, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"image 1 is 16 x 16 pixels; .* 96 x 96"):
        reward.score("a photo of a dog", [render("dog"), Image.new("RGB", (16, 16))])
    for source in (tmp_path, tmp_path / "foo"):
        with pytest.raises(WeightsError, match=r"is missing, the source of the reward embedded; give a file of its"):
            EmbeddedReward(source)
    unread = reward.truncation("a dog and a cat and a cow and a car and a bus and a kite")
    assert unread is not None
    assert (unread.tokens, unread.limit, unread.unread) == (11, 8, "bus and kite")
