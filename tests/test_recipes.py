"""The recipes of the papers' tables run: every row draws on the embedded models, smaller."""

from functools import cache

import pytest

from scalingar import ImagePipeline
from scalingar.bench.runs.suite import read_suite
from scalingar.pipeline.recipes.shipped import SUITES
from scalingar.strategies import Strategy, TTSVar

PAPERS = [name for name in SUITES if name.startswith("papers/")]
PROMPT = "a photo of a dog"


def small(strategy: Strategy) -> Strategy:
    """With fewer trajectories, and with a reward and a feature that need no weights."""
    count = min(1 if isinstance(strategy, TTSVar) else 2, strategy.num_trajectories)
    smaller = {"reward": "log-likelihood", "feature": "pixels", "num_trajectories": count}
    known = {name: value for name, value in smaller.items() if getattr(strategy, name, None) is not None}
    return strategy.model_copy(update=known)


@cache
def embedded(name: str) -> ImagePipeline:
    return ImagePipeline.from_pretrained(name)


def rows() -> list[tuple[str, str]]:
    return [(name, label) for name in PAPERS for label in read_suite(name)]


@pytest.mark.parametrize("name", PAPERS)
def test_no_row_stands_there_twice(name: str) -> None:
    strategies = read_suite(name)
    assert len({(type(row), row.model_dump_json()) for row in strategies.values()}) == len(strategies)


@pytest.mark.parametrize(("name", "label"), rows())
def test_every_row_draws_on_the_embedded_model(name: str, label: str) -> None:
    pipe = embedded("embedded" if "scaling-ar" in name else "embedded-next-scale")
    strategy = small(read_suite(name)[label])
    result = pipe(PROMPT, strategy=strategy, seed=3).results[0]
    assert result.best.image is not None
    assert result.best.image.size == (96, 96)
    assert len(result.candidates) >= strategy.num_trajectories
