"""Every strategy decides on the device what it decides on the CPU, whatever it looks at on the way."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scalingar.strategies import STRATEGIES
from tests.device.families import FAMILIES, PROMPTS, codes, graphs
from tests.tiny.verifiers import latent_verifier

pytestmark = pytest.mark.device
FAMILY = {"next-token": "llamagen-class", "next-scale": "var"}
OTHERS: dict[str, dict[str, Any]] = {
    "gridar": {"rewrite": "text:2"},
    "particles": {"potential": "verifier", "last": "reward"},
    "preview-then-finish": {"at": 0.5},
    "single": {"num_trajectories": 1},
    "tts-var": {"num_trajectories": 1, "feature": "latent"},
    "verifier-halving": {"rounds": ((0.25, 3), (0.5, 2)), "last": "reward"},
}
"""Settings that reach more than the defaults."""
PAIRS = [(name, kind) for name in STRATEGIES for kind in FAMILY if kind in STRATEGIES[name].serves]


def bright(prompt: str, images: Sequence[Image.Image]) -> list[float]:
    """A reward that looks at pictures."""
    return [float(np.asarray(image, np.float64).mean()) for image in images]


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_it_draws_and_chooses_as_on_the_cpu(name: str, kind: Any, device: str, tmp_path: Path) -> None:
    latent_verifier(*{"next-token": (4, 16), "next-scale": (8, 7)}[kind]).save(tmp_path)
    fields = STRATEGIES[name].model_fields
    own: dict[str, Any] = {"reward": bright} if "reward" in fields else {}
    own |= {"verifier": str(tmp_path)} if name.startswith(("verifier", "particles")) else {}
    settings = {"name": name, "num_trajectories": 4, **own, **OTHERS.get(name, {})}
    asked: dict[str, Any] = {"strategy": settings, "seed": 7, "noise": "host"}
    expected, found = (graphs(FAMILIES[FAMILY[kind]](where, torch.float32), True) for where in ("cpu", device))
    here, there = (pipe(PROMPTS[:2], **asked) for pipe in (expected, found))
    assert codes(there) == codes(here)
    for mine, theirs in zip(here.results, there.results, strict=True):
        assert theirs.chosen == mine.chosen
        assert [one.fate for one in theirs.candidates] == [one.fate for one in mine.candidates]
    assert there.ledger.tokens == here.ledger.tokens
    assert there.ledger.forward_rows == here.ledger.forward_rows
