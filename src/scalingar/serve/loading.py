"""Loading what is served, before the first request."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from PIL import Image

from scalingar.core.errors import PromptError
from scalingar.core.pixels import rounded
from scalingar.models.prompts.encoders import keep_loaded
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.rewards.features.feature import CodeFeature
from scalingar.rewards.rank_sum import RankSum
from scalingar.rewards.reward import PixelReward, Reward
from scalingar.serve.limits import Limits
from scalingar.serve.offer import Offer, eyes_of
from scalingar.strategies.engine.open_engine import check_joins

PROMPT = "a photo of a dog"
"""With which everything is tried once."""


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
    blank = _blank(pipe)
    keep_loaded(pipe.encode_prompts)
    with suppress(PromptError):
        pipe.encode_prompts([PROMPT])
    for name_of_reward in {*rewards, *([] if needs.reward is None else [needs.reward])}:
        _try(pipe.reward(name_of_reward), blank)
    if needs.feature is not None and not isinstance(feature := pipe.feature(needs.feature), CodeFeature):
        feature([blank])
    pipe.verifier_of(usual.strategy)
    if pipe.own_verifier is not None:
        pipe.verifier(pipe.own_verifier)
    usual = usual.model_copy(update={"model": pipe.choice_as_read})
    eyes = eyes_of(usual, pipe, rewards)
    return Offer(pipe, name or Path(recipe.model.name).name, usual, limits, eyes, blank.size)


def _blank(pipe: ImagePipeline) -> Image.Image:
    """A picture of codes that are all 0."""
    decoder = pipe.decoder()
    tokens = sum(height * width for height, width in pipe.grids)
    shape = (1, tokens, decoder.groups) if decoder.groups else (1, tokens)
    return rounded(pipe.decode(torch.zeros(shape, dtype=torch.long))[0])


def _try(reward: Reward, picture: Image.Image) -> None:
    """Score a picture: networks are loaded, and models behind an endpoint asked, at the first one."""
    for part in reward.rewards if isinstance(reward, RankSum) else [reward]:
        if isinstance(part, PixelReward):
            with suppress(PromptError):
                part.score(PROMPT, [picture])
