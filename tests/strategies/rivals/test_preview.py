"""The rivals on a model that draws a preview: prefixes are judged as pictures of the preview, then of the grid."""

import pytest
import torch

from scalingar.strategies import FRTTS
from scalingar.strategies.setting import Setting
from tests.strategies.rivals.by_hand import Told, step
from tests.tiny.glm_pipe import glm_pipe

PREVIEWED = Setting((4, 4), 3.0, seed=0, vocab_size=9, preview=(2, 2))
"""Four codes of a preview, then sixteen."""
RIVALS = ["beam", "lookahead", "gridar", "fr-tts", "parm", "scale-beam", "speculative-rejection"]


@pytest.mark.parametrize("name", RIVALS)
def test_an_image_is_drawn(name: str) -> None:
    strategy = {"name": name, "num_trajectories": 4, "reward": "red-pixels"}
    result = glm_pipe()("a red dog", strategy=strategy, seed=3).results[0]
    assert result.best.tokens == 12


def test_fillings_leave_the_preview_and_fill_the_grid() -> None:
    looks = Told(lambda one: 0.0, torch.eye(2)[:, None])
    codes = [[8] * 4 + [1] * 6, [7] * 4 + [2] * 6]
    search = FRTTS(num_trajectories=2, checks=(0.5,)).search(PREVIEWED)
    assert search.before_draw(step(10, codes=codes, looks=looks)) is not None
    assert {tuple(seen) for seen in looks.seen} == {(8,) * 4 + (1,) * 16, (7,) * 4 + (2,) * 16}


def test_a_complete_preview_is_looked_at_once() -> None:
    looks = Told(lambda one: 0.0, torch.eye(2)[:, None])
    search = FRTTS(num_trajectories=2, checks=(0.2,)).search(PREVIEWED)
    assert search.before_draw(step(4, codes=[[8] * 4, [7] * 4], looks=looks)) is not None
    assert looks.seen == [[8] * 4, [7] * 4]
