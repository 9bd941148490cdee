"""The recipes of the papers' tables run: every row on tiny models, the papers' methods on the embedded ones."""

import pytest

from scalingar import ImagePipeline
from scalingar.bench.runs.suite import read_suite
from scalingar.pipeline.recipes.shipped import SUITES
from scalingar.strategies import Strategy
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe

PAPERS = [name for name in SUITES if name.startswith("papers/")]
PROMPT = "a photo of a dog"


def small(strategy: Strategy) -> Strategy:
    """With fewer trajectories, and with a reward and a feature that need no weights."""
    smaller = {"reward": "confidence", "feature": "pixels", "num_trajectories": min(2, strategy.num_trajectories)}
    known = {name: value for name, value in smaller.items() if getattr(strategy, name, None) is not None}
    return strategy.model_copy(update=known)


@pytest.mark.parametrize("name", PAPERS)
def test_every_row_draws(name: str) -> None:
    pipe = tiny_pipe() if "scaling-ar" in name else infinity_pipe()
    strategies = read_suite(name)
    assert len({(type(row), row.model_dump_json()) for row in strategies.values()}) == len(strategies)
    for strategy in map(small, strategies.values()):
        result = pipe(PROMPT, strategy=strategy, seed=3).results[0]
        assert result.best.image is not None
        assert len(result.candidates) >= strategy.num_trajectories


@pytest.mark.parametrize(
    ("name", "label", "model", "trajectories"),
    [("papers/scaling-ar", "scaling-ar", "embedded", 2), ("papers/tts-var", "tts-var-2", "embedded-next-scale", 1)],
)
def test_the_papers_methods_draw_on_the_embedded_models(name: str, label: str, model: str, trajectories: int) -> None:
    strategy = small(read_suite(name)[label]).model_copy(update={"num_trajectories": trajectories})
    assert ImagePipeline.from_pretrained(model)(PROMPT, strategy=strategy).images[0].size == (96, 96)
