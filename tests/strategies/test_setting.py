"""A setting tells of a decoder all that searches read."""

import pytest

from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.readiness import check_ready
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies import BestOfN
from scalingar.strategies.search import Search
from scalingar.strategies.setting import Setting
from tests.tiny.glm_pipe import GRID, PREVIEW, glm_pipe
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe


@pytest.mark.parametrize("pipe", [tiny_pipe(), infinity_pipe(), glm_pipe()], ids=lambda pipe: pipe.name)
def test_it_is_the_decoders(pipe: ImagePipeline) -> None:
    decoder = pipe.decoder()
    setting = Setting.of(decoder, 2.0, 7)
    assert (setting.grid, setting.scales, setting.preview) == (decoder.grid, decoder.scales, decoder.preview)
    assert (setting.guidance_scale, setting.seed, setting.vocab_size) == (2.0, 7, decoder.vocab_size)
    assert setting.code_vectors == decoder.vectors
    assert setting.tokens_until(setting.total_steps) == sum(height * width for height, width in pipe.grids)


def test_steps_count_those_of_a_preview() -> None:
    setting = Setting.of(glm_pipe().decoder(), 1.0, 0)
    assert (setting.preview, setting.grid, setting.total_steps) == (PREVIEW, GRID, 12)


def test_a_search_that_is_begun_as_a_check_sees_what_a_run_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, seen = infinity_pipe(), []

    def search(self: BestOfN, setting: Setting) -> Search:
        seen.append(setting)
        return Search(self, setting)

    monkeypatch.setattr(BestOfN, "search", search)
    recipe = Recipe.from_dict({"model": pipe.choice, "strategy": {"name": "best-of-n", "reward": "log-likelihood"}})
    check_ready(pipe, recipe.resolved(pipe))
    assert seen[0].code_vectors is not None
