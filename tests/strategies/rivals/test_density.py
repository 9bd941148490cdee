"""VAR-Scaling: of many draws of one scale a dense one goes on."""

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.strategies import Density
from scalingar.strategies.strategy import check_serves
from tests.tiny import scales as tiny
from tests.tiny.scale_pipes import PIPES


def test_the_densest_of_three_worked_by_hand() -> None:
    """Every draw of scale 2 is a candidate; with K = 1 the one goes on whose vectors are nearest to the others'."""
    engine = tiny.run(Density(num_trajectories=6, scale=2, densest=1))
    candidates = engine.results[0].candidates
    drawn = np.stack([one.codes[5:14].numpy() for one in candidates]).astype(float)  # the tiny tokenizer's vectors
    width = (6 * 4 / 4) ** (-1 / 6) * drawn.std()
    gaps = ((drawn[:, None] - drawn[None]) ** 2).sum(-1)
    density = np.exp(-gaps / (2 * width**2)).mean(1).sum(-1)
    assert engine.results[0].chosen == int(density.argmax())
    assert [one.finished for one in candidates].count(True) == 1
    assert all(one.born == 2 and one.drawn == 9 for one in candidates[1:] if not one.finished)
    assert engine.ledger.tokens == tiny.TOKENS + 5 * 9
    assert engine.ledger.decodes == 1


def test_the_logits_of_the_scale_are_computed_once() -> None:
    model = tiny.TinyScales()
    tiny.run(Density(num_trajectories=6, scale=2), decoder=tiny.decoder(model))
    assert model.seen == [2] * 7


@pytest.mark.parametrize("name", PIPES)
def test_both_families_of_scales_tell_code_vectors(name: str) -> None:
    pipe = PIPES[name]()
    output = pipe(["3", "1"], strategy=Density(num_trajectories=5), seed=3)
    for result in output.results:
        assert len(result.candidates) == 5
        again = pipe(result.prompt, strategy=Density(num_trajectories=5), seed=result.seed).results[0]
        assert torch.equal(again.best.codes, result.best.codes)


def test_where_it_cannot_be() -> None:
    with pytest.raises(
        ConfigError, match="the strategy density is for next-scale models, and this model is next-token"
    ):
        check_serves(Density(), "next-token")
    with pytest.raises(ConfigError, match=r"scale is 7; the model has scales 0 to 6\."):
        tiny.run(Density(scale=7))
