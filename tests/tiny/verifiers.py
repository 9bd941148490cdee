"""Verifiers of tiny models, with weights drawn at random."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch

from scalingar.rewards.verifiers import (
    VERSION,
    LatentHead,
    LatentHeadConfig,
    StateHead,
    StateHeadConfig,
    Verifier,
    VerifierInfo,
)
from scalingar.strategies import STRATEGIES


def state_head(verifier: Verifier) -> StateHead:
    """Its head, which reads states."""
    assert isinstance(verifier.head, StateHead)
    return verifier.head


def random_verifier(states: int, steps: int, *, every: int = 1, **info: Any) -> Verifier:
    """Of a model without weight files, whose states have ``states`` numbers and whose images have ``steps`` steps."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(states + steps)
        head = StateHead(StateHeadConfig(states=states, steps=steps, every=every, width=8))
        for weights in head.parameters():
            torch.nn.init.normal_(weights, std=0.4)
    return Verifier(head.eval().requires_grad_(False), _info(**info))


def latent_verifier(grid: int, steps: int) -> Verifier:
    """Of a model without weight files, whose codes have 4 numbers and lie on ``grid`` x ``grid`` cells at last."""
    config = LatentHeadConfig(grid=grid, steps=steps, latent=4, width=8, blocks=1, dim=8, heads=2, layers=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(grid + steps)
        head = LatentHead(config)
        for weights in head.parameters():
            torch.nn.init.normal_(weights, std=0.4)
    return Verifier(head.eval().requires_grad_(False), _info(reads="latents"))


def _info(**others: Any) -> VerifierInfo:
    told: dict[str, Any] = {
        "version": VERSION,
        "model": "tiny",
        "weights": {},
        "label": "pmi",
        "prompts_sha256": "0" * 64,
        "trajectories": 4,
    }
    return VerifierInfo(**{**told, **others})


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
