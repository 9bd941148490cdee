"""Detector and reward at two pictures a step."""

import argparse
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.kills import killed_while_writing
from training.judges import detector, reward
from training.weights import trained
from training.world.scenes import Sprites


@pytest.mark.parametrize(("module", "name"), [(detector, "detector"), (reward, "reward")])
def test_weights_are_those_of_the_last_step_and_never_half(
    module: Any, name: str, sprites: Sprites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD_OUT", 2)
    monkeypatch.setattr(module, "Sprites", lambda path: sprites)
    args = argparse.Namespace(work_dir=tmp_path, steps=1, batch=2, lr=1e-3, seed=1)
    module.train(args)
    assert trained(tmp_path, name)["step"] == 1
    args.steps = 2
    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", killed_while_writing)
        with pytest.raises(KeyboardInterrupt):
            module.train(args)
    assert trained(tmp_path, name)["step"] == 1
