"""Loading what is served, before the first request."""

from collections.abc import Sequence
from pathlib import Path

import torch

from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.serve.limits import Limits
from scalingar.serve.offer import Offer, eyes_of
from scalingar.strategies.engine.open_engine import check_joins


def load_offer(recipe: Recipe, limits: Limits, rewards: Sequence[str] = (), name: str | None = None) -> Offer:
    """The model of a recipe, and everything that requests may look with.

    ``rewards``: that requests may name, beside the model's own and the recipe's. ``name``: of the model in requests;
    None: the last part of the one it has.

    Raises:
        ScalingarError: something is missing or does not fit.
    """
    pipe = ImagePipeline.load(recipe.model)
    return offer_of(pipe, recipe, limits, rewards, name)


def offer_of(
    pipe: ImagePipeline, recipe: Recipe, limits: Limits, rewards: Sequence[str] = (), name: str | None = None
) -> Offer:
    """As :func:`load_offer`, of a model that is loaded."""
    usual = recipe.resolved(pipe)
    check_joins(usual.strategy, pipe.decoding)
    needs = usual.strategy.needs()
    for reward in {*rewards, *([] if needs.reward is None else [needs.reward])}:
        pipe.reward(reward)
    if needs.feature is not None:
        pipe.feature(needs.feature)
    pipe.verifier_of(usual.strategy)
    if pipe.own_verifier is not None:
        pipe.verifier(pipe.own_verifier)
    usual = usual.model_copy(update={"model": pipe.choice_as_read})
    eyes = eyes_of(usual, pipe, rewards)
    return Offer(pipe, name or Path(recipe.model.name).name, usual, limits, eyes, _size(pipe))


def _size(pipe: ImagePipeline) -> tuple[int, int]:
    """Width and height of a picture, from one of codes that are all 0."""
    decoder = pipe.decoder()
    tokens = sum(height * width for height, width in pipe.grids)
    shape = (1, tokens, decoder.groups) if decoder.groups else (1, tokens)
    height, width = pipe.decode(torch.zeros(shape, dtype=torch.long)).shape[-2:]
    return width, height
