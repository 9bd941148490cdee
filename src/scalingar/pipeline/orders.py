"""Images of different recipes for one live batch, as a server draws them."""

from scalingar.core.outputs import Ledger
from scalingar.decoding.device_noise import DeviceNoise
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies.engine.open_engine import Encode, OpenEngine
from scalingar.strategies.engine.order import Manner, Order

ROWS_WITHOUT_IMAGE = 2.0
"""Guidance scale of a guided batch's free rows where the recipe is not guided."""


def order_of(pipe: ImagePipeline, recipe: Recipe, prompt: str, seed: int) -> Order:
    """An image of ``prompt`` under a resolved recipe. Raises ConfigError, WeightsError for what the strategy needs."""
    assert recipe.guidance_scale is not None
    decoder = pipe.decoder(recipe.sampling)
    return Order(
        prompt=prompt,
        seed=seed,
        strategy=recipe.strategy,
        decoder=decoder,
        guidance_scale=recipe.guidance_scale,
        looks=pipe.looks(decoder, recipe),
    )


def open_engine(
    pipe: ImagePipeline,
    usual: Recipe,
    encode: Encode,
    *,
    branches: int,
    states: bool = False,
    max_rows: int | None = None,
) -> OpenEngine:
    """An engine for orders, of which those in the manner of ``usual``, a resolved recipe, are fastest.

    ``branches``: of all its images; ``states``: whether their searches read hidden states, all of them, or none.
    """
    assert usual.guidance_scale is not None
    decoder = pipe.decoder(usual.sampling)
    scale = usual.guidance_scale if usual.guidance_scale > 1.0 else ROWS_WITHOUT_IMAGE
    return OpenEngine(
        decoder,
        Manner(decoder.sampling, usual.strategy.profile),
        scale if branches > 1 else 1.0,
        Ledger(),
        encode,
        branches=branches,
        states=states,
        max_rows=max_rows,
        streams=(DeviceNoise if usual.noise == "device" else TrajectoryNoise).for_prompts,
    )
