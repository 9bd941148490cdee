"""Verifiers of tiny models, with weights drawn at random."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch

from scalingar.rewards.verifiers import VERSION, StateHead, StateHeadConfig, Verifier, VerifierInfo
from scalingar.strategies import STRATEGIES


def random_verifier(states: int, steps: int, *, every: int = 1, **info: Any) -> Verifier:
    """Of a model without weight files, whose states have ``states`` numbers and whose images have ``steps`` steps."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(states + steps)
        head = StateHead(StateHeadConfig(states=states, steps=steps, every=every, width=8))
        for weights in head.parameters():
            torch.nn.init.normal_(weights, std=0.4)
    told: dict[str, Any] = {
        "version": VERSION,
        "model": "tiny",
        "weights": {},
        "label": "pmi",
        "prompts_sha256": "0" * 64,
        "trajectories": 4,
    }
    return Verifier(head.eval().requires_grad_(False), VerifierInfo(**{**told, **info}))


def retrain(folder: Path) -> None:
    """Put another head into the folder of a verifier."""
    made = Verifier.load(folder)
    with torch.no_grad():
        for weights in made.head.parameters():
            weights.neg_()
    made.save(folder)


@cache
def folder_of(states: int, steps: int) -> str:
    """The folder of a verifier, removed at the end."""
    folder = tempfile.mkdtemp(prefix="verifier-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    random_verifier(states, steps).save(Path(folder))
    return folder


def with_verifier(name: str, states: int, steps: int) -> dict[str, Any]:
    """The strategy's settings: by default, and a verifier where it needs one."""
    return {"name": name, **({"verifier": folder_of(states, steps)} if STRATEGIES[name]().needs().verified else {})}
