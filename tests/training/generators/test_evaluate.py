"""Images that are drawn for the template match, and their sheet."""

import pytest
import torch

from tests.tiny.pipes import PROMPT, tiny_pipe
from training.generators import evaluate
from training.generators.evaluate import drawn_by, sheet


def test_the_same_prompt_is_drawn_on_other_noise_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "TOGETHER", 2)
    first, again = (torch.stack(list(drawn_by(tiny_pipe(), [PROMPT] * 5, 0, None))) for _ in range(2))
    assert torch.equal(first, again)
    assert len(torch.unique(first.flatten(1), dim=0)) == 5


def test_a_sheet_shows_all_images_and_fills_its_last_row() -> None:
    images = [torch.full((3, 2, 2), value) for value in (0.0, 0.25, 0.5)]
    picture = sheet(images, columns=2)
    assert picture[0].tolist() == [[0, 0, 0.25, 0.25]] * 2 + [[0.5, 0.5, 1, 1]] * 2
    assert sheet(images[:1], columns=2)[0].tolist() == [[0, 0, 1, 1]] * 2
    assert sheet(images[:2], columns=2).shape == (3, 2, 4)
