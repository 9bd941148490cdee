"""Whether a loaded model can do what recipes ask, told before anything is drawn."""

from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import check_serves


def check_ready(pipe: ImagePipeline, recipe: Recipe) -> None:
    """Load what the strategy of a resolved recipe looks with, and begin a search.

    Raises:
        ConfigError: the strategy is for other models, its settings do not fit this one, or a package is missing.
        WeightsError: weights of its reward or feature are missing.
    """
    strategy, scale = recipe.strategy, recipe.guidance_scale
    assert scale is not None
    check_serves(strategy, pipe.decoding)
    decoder = pipe.decoder(recipe.sampling)
    pipe.looks(decoder, recipe)
    strategy.search(Setting.of(decoder, scale, recipe.seed))
