"""Verifiers on the device: the values of the CPU, and whom they cut; those of latents with captured steps run ahead."""

from pathlib import Path
from typing import Any

import pytest
import torch

from scalingar.core.outputs import PromptResult
from scalingar.strategies import TTSVar, VerifierHalving, VerifierOfN
from tests.device.families import FAMILIES, PROMPTS, codes, graphs
from tests.tiny.verifiers import latent_verifier, random_verifier

pytestmark = pytest.mark.device
MADE = {
    ("llamagen-class", "latents"): lambda: latent_verifier(4, 16),
    ("llamagen-class", "states"): lambda: random_verifier(32, 16),
    ("var", "latents"): lambda: latent_verifier(8, 7),
}


def values(result: PromptResult) -> dict[int, float]:
    """By trajectory, of those that were valued: clusters end some before."""
    return {one.index: one.signals["verifier"] for one in result.candidates if "verifier" in one.signals}


@pytest.mark.parametrize(("family", "reads"), MADE)
def test_they_cut_whom_they_cut_on_the_cpu(family: str, reads: str, device: str, tmp_path: Path) -> None:
    MADE[family, reads]().save(tmp_path)
    verifier = str(tmp_path)
    strategies: list[Any] = [
        VerifierOfN(num_trajectories=4, verifier=verifier),
        VerifierHalving(num_trajectories=6, rounds=((0.5, 3), (0.75, 1)), verifier=verifier),
    ]
    if family == "var":
        strategies.append(TTSVar(scores="verifier", verifier=verifier, feature="latent"))
    for strategy in strategies:
        settings: dict[str, Any] = {"strategy": strategy, "seed": 5, "noise": "host"}
        expected = FAMILIES[family]("cpu", torch.float32)(PROMPTS, **settings)
        pipe = FAMILIES[family](device, torch.float32)
        founds = [pipe(PROMPTS, **settings)]
        if family != "var":
            founds = [graphs(pipe, captured)(PROMPTS, **settings) for captured in (True, False)]
        for found in founds:
            assert codes(found) == codes(expected)
            for here, there in zip(expected.results, found.results, strict=True):
                assert here.chosen == there.chosen
                told = [values(result) for result in (here, there)]
                assert told[0] == pytest.approx(told[1], abs=1e-3)
                assert len(told[0]) > 1
