"""What an exported verifier says of itself, by what it was taught."""

import argparse
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from scalingar.rewards.verifiers.latent_head import LatentHead, LatentHeadConfig
from scalingar.rewards.verifiers.verifier import BY_DETECTOR, Verifier, folder_of
from tests.training.verifier.drawings import completed, stored
from training.checkpoint import Checkpoint
from training.verifier import export_verifier
from training.verifier.drawn.stored import Outcomes
from training.verifier.latent_order import LABELS
from training.verifier.latent_reader import Prefixes


@pytest.fixture(scope="module")
def prefixes() -> Prefixes:
    return Prefixes("embedded")


@pytest.fixture
def work_dir(prefixes: Prefixes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight prompts of two trajectories, completions of those that teach, and a tiny head for each label."""
    head = LatentHead(LatentHeadConfig(steps=144, width=8, blocks=1, dim=8, heads=2, layers=1))
    pipe = SimpleNamespace(hashes={"transformer": "0" * 64})
    for name, value in {
        "Prefixes": lambda model: prefixes,
        "begin": lambda prefixes: deepcopy(head),
        "ImagePipeline": SimpleNamespace(from_pretrained=lambda model: pipe),
        "embedded_folder": lambda kind: tmp_path / "package" / kind,
    }.items():
        monkeypatch.setattr(export_verifier, name, value)
    for first in (0, 4):
        stored(tmp_path / "verifier" / "states" / f"{first:05d}.npz", 4)
    outcomes = Outcomes.drawn(argparse.Namespace(work_dir=tmp_path, model="embedded"))
    completed(tmp_path, outcomes, dict.fromkeys((0, 1, 2, 4, 5, 6), np.zeros((2, 3))), completions=5)
    average = torch.optim.swa_utils.AveragedModel(head)
    for label in LABELS:
        Checkpoint(tmp_path / "verifier" / f"order-embedded-{label}.pt").save_parts(3, {"average": average})
    return tmp_path


def test_each_label_is_told_and_has_a_folder_of_its_own(work_dir: Path) -> None:
    told = {}
    for label in LABELS:
        export_verifier.export(argparse.Namespace(work_dir=work_dir, model="embedded", label=label, output=None))
    for folder in sorted((work_dir / "package" / "verifier").iterdir()):
        info = Verifier.load(folder).info
        told[folder.name] = info.label, info.completions, info.trajectories
        assert info.report["prompts"] == 2
    assert told == {
        "next-token": ("embedded", 1, 2),
        "next-token-by-detector": ("the detector", 1, 2),
        "next-token-soft": ("embedded", 5, 2),
    }


def test_the_shipped_verifiers_are_named_and_told_as_they_would_be_exported() -> None:
    for label, name in (("reward", "embedded"), ("detector", f"embedded{BY_DETECTOR}")):
        told, suffix = export_verifier.EXPORTED[label]
        assert folder_of(name) == export_verifier.embedded_folder(f"verifier/next-token{suffix}")
        assert Verifier.load(name).info.label == told


def test_a_head_that_was_not_taught_is_told(work_dir: Path) -> None:
    (work_dir / "verifier" / "order-embedded-soft.pt").unlink()
    with pytest.raises(SystemExit, match="latent_order embedded --label soft` first"):
        export_verifier.export(argparse.Namespace(work_dir=work_dir, model="embedded", label="soft", output=None))
