"""What every registered strategy must hold to on next-token models; next-scale ones: ``test_scale_engine.py``."""

from typing import Any

import numpy as np
import pytest
import torch

from scalingar.strategies import STRATEGIES
from scalingar.strategies.build_strategy import build_strategy
from tests.tiny.pipes import PROMPT, tiny_pipe
from tests.tiny.verifiers import with_verifier

NAMES = [name for name in STRATEGIES if "next-token" in STRATEGIES[name].serves]
STARTS = ("lookahead", "scale-beam")
"""They go on from prefixes, whose last code is fed again."""
FORKS = ("beam", "fr-tts", "gridar", *STARTS)
"""What they draw after a check depends on N."""
CUTS = ("scaling-ar", "successive-halving", "speculative-rejection", "verifier-halving", "preview-then-finish")


def settings(name: str) -> dict[str, Any]:
    """By default, and a verifier of the tiny model where one is needed."""
    return with_verifier(name, 32, 16)


@pytest.mark.parametrize("name", NAMES)
def test_hands_out_a_finished_candidate_and_keeps_all(name: str) -> None:
    result = tiny_pipe()(PROMPT, strategy=settings(name), seed=3).results[0]
    count = build_strategy(name).num_trajectories
    fresh = sum(candidate.parent is None for candidate in result.candidates)
    assert [candidate.index for candidate in result.candidates] == list(range(len(result.candidates)))
    assert fresh == count or (name in ("stop-when-good", "allocate") and fresh < count)
    assert result.best.finished
    assert result.best.image is not None
    for candidate in result.candidates:
        assert candidate.tokens == (16 if candidate.finished else candidate.cut.step)  # type: ignore[union-attr]
        steps = candidate.tokens if candidate.finished else candidate.tokens + 1
        assert all(len(values) == steps for values in candidate.trace.values())


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_image_other_seed_other_codes(name: str) -> None:
    pipe = tiny_pipe()
    first, again, other = (
        pipe(PROMPT, strategy=settings(name), seed=s, output_type="codes").images[0] for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("scaling-ar", *STARTS)])
def test_one_trajectory_is_the_single_strategy(name: str) -> None:
    pipe = tiny_pipe()
    one = pipe(PROMPT, strategy=settings(name), num_trajectories=1, seed=5, output_type="codes").images[0]
    assert torch.equal(one, pipe(PROMPT, strategy="single", seed=5, output_type="codes").images[0])


@pytest.mark.parametrize("name", NAMES)
def test_permuting_prompts_permutes_images(name: str) -> None:
    pipe = tiny_pipe()
    prompts = ["a dog", "two cats", "a blue cow"]
    forward = pipe(prompts, strategy=settings(name), seed=4, output_type="codes").images
    backward = pipe(prompts[::-1], strategy=settings(name), seed=4, output_type="codes").images
    assert all(torch.equal(a, b) for a, b in zip(forward, backward[::-1], strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_ledger_adds_up(name: str) -> None:
    output = tiny_pipe()(PROMPT, strategy=settings(name), seed=6)
    drawn = sum(candidate.drawn for candidate in output.candidates[0])
    last = sum(candidate.finished for candidate in output.candidates[0])
    started = sum(candidate.parent is not None for candidate in output.candidates[0]) if name in STARTS else 0
    assert output.ledger.tokens == drawn
    assert output.ledger.forward_rows == 2 * (drawn - last + started)
    assert output.ledger.prefill_rows == 2
    assert output.ledger.decodes == 1 or build_strategy(name).needs().feature is not None
    assert output.ledger.peak_bytes > 0


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("single", *CUTS, *FORKS)])
def test_fewer_trajectories_are_the_first_of_more(name: str) -> None:
    pipe = tiny_pipe()
    eight = pipe(PROMPT, strategy=settings(name), num_trajectories=8, seed=7).candidates[0]
    four = pipe(PROMPT, strategy=settings(name), num_trajectories=4, seed=7).candidates[0]
    for few, many in zip(four, eight, strict=False):
        assert torch.equal(few.codes, many.codes)
        np.testing.assert_allclose(few.signals["pmi"], many.signals["pmi"], rtol=1e-4)
