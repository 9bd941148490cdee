"""Folders of what was drawn: going on, and reading."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from tests.training.verifier.drawings import columns_of, stored
from training.verifier.drawn.parts import OUTCOMES, STATES, Holding
from training.verifier.drawn.prompts import SEED, training_prompts, words_of
from training.verifier.drawn.stored import Outcomes

OWN = SEED["embedded"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / STATES.folder
    place.mkdir(parents=True)
    return place


def lacking(folder: Path, prompts: int, trajectories: int = 2, seed: int = OWN) -> list[tuple[str, int]]:
    return [(path.name, first) for path, first in STATES.missing(folder, Holding(prompts, trajectories, seed))]


def test_a_file_that_has_too_few_prompts_is_drawn_again(folder: Path) -> None:
    assert lacking(folder, 6) == [("00000.npz", 0), ("00004.npz", 4)]
    stored(folder / "00000.npz", 4)
    stored(folder / "00004.npz", 2)
    assert lacking(folder, 6) == []
    assert lacking(folder, 9) == [("00004.npz", 4), ("00008.npz", 8)]


def test_others_than_are_there_are_not_mixed_with_them(folder: Path) -> None:
    stored(folder / "00000.npz", 4)
    with pytest.raises(SystemExit, match=r"00000\.npz has 2 trajectories of prompts of seed 2024, not 4 of seed 2024"):
        lacking(folder, 8, 4)
    with pytest.raises(SystemExit, match=r"has 2 trajectories of prompts of seed 2024, not 2 of seed 7; ask for"):
        lacking(folder, 8, 2, 7)
    with pytest.raises(SystemExit, match=r"states holds 4 prompts, more than 3; ask for as many"):
        lacking(folder, 3)


def test_prompts_and_trajectories_are_those_of_the_files(folder: Path) -> None:
    stored(folder / "00000.npz", 4, trajectories=3, seed=5)
    stored(folder / "00004.npz", 1, trajectories=3, seed=5)
    outcomes = Outcomes.drawn(argparse.Namespace(work_dir=folder.parents[1], model="embedded"))
    assert outcomes.reward.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11], [0, 1, 2]]
    assert (outcomes.codes.shape, outcomes.confidence.shape) == ((5, 3, 144), (5, 3, 5))
    assert outcomes.prompts == training_prompts(5, 5)
    assert outcomes.words.equal(words_of(outcomes.prompts))
    last = outcomes.some(outcomes.reward[:, 0] == 9)
    assert (last.prompts, last.reward.tolist()) == ([outcomes.prompts[3]], [[9, 10, 11]])


def test_files_of_before_have_eight_trajectories_of_the_models_own_prompts(folder: Path) -> None:
    np.savez(folder / "00000.npz", **columns_of(4 * 8))
    np.savez(folder / "00004.npz", **columns_of(2 * 8))
    read = STATES.load(folder.parents[1])
    assert (read.columns["reward"].shape, read.seed) == ((6, 8), OWN)
    assert lacking(folder, 8, 8) == [("00004.npz", 4)]
    other = folder.parent / "outcomes"
    folder.rename(other)
    assert OUTCOMES.load(folder.parents[1]).seed == SEED["embedded-next-scale"]


def test_files_that_do_not_belong_together_are_refused(folder: Path) -> None:
    def refused(told: str) -> None:
        with pytest.raises(SystemExit, match=told):
            STATES.load(folder.parents[1])

    refused("holds nothing that was drawn; run `python -m training.verifier.drawn.collect` first")
    stored(folder / "00000.npz", 2)
    stored(folder / "00004.npz", 4)
    refused(r"00000\.npz has 2 of 4 prompts; run .* again")
    stored(folder / "00000.npz", 4, trajectories=3)
    refused(r"00004\.npz has 2 trajectories of prompts of seed 2024, and 00000\.npz 3 of seed 2024")
    (folder / "00000.npz").unlink()
    refused(r"states lacks 00000\.npz; run .* again")
