"""What this server can be asked for, and a request as the recipe of its images."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

from pydantic import BaseModel

from scalingar.core.errors import ScalingarError
from scalingar.core.registry import suggestion
from scalingar.core.validation import shown
from scalingar.models.prompts.encoders import check_prompts
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.rewards.intrinsic import INTRINSIC
from scalingar.serve.errors import ApiError, of_package
from scalingar.serve.job import Kind
from scalingar.serve.limits import Limits
from scalingar.serve.protocol import ImagesRequest
from scalingar.strategies import Strategy
from scalingar.strategies.engine.open_engine import check_joins
from scalingar.strategies.engine.order import reads_states
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import MOST_TRAJECTORIES, branches_of

WITHOUT_FILES = (*INTRINSIC, "pixels")
"""Rewards and features that nothing is loaded for."""
LAYOUT = "layout"
"""The rewriter that a request may name: others are words, or come with a package."""
_OF_FILES = "/\\:~"


@dataclass(frozen=True)
class Offer:
    """A loaded model with the recipe it is served under.

    ``name``: of the model in requests. ``usual``: the resolved recipe of a request that says nothing else.
    ``eyes``: rewards, features and whatever else strategies look with that the server was started with. ``size``: of
    its pictures, width and height.
    """

    pipe: ImagePipeline
    name: str
    usual: Recipe
    limits: Limits
    eyes: frozenset[str]
    size: tuple[int, int]

    @property
    def size_name(self) -> str:
        """As requests write it."""
        return f"{self.size[0]}x{self.size[1]}"

    @property
    def verifiers(self) -> frozenset[str]:
        """The model's own, and that of the usual strategy."""
        return frozenset(name for name in (self.pipe.own_verifier, self.usual.strategy.needs().verifier) if name)

    def recipe(self, asked: ImagesRequest) -> Recipe:
        """The resolved recipe of a request's images, without prompt and seed.

        Raises:
            ApiError: something that this model, or this server, does not do.
        """
        self._check(asked)
        try:
            return self._recipe(asked)
        except ScalingarError as error:
            raise of_package(error) from None
        except RecursionError:
            raise ApiError(400, "strategy is nested too deeply.", param="strategy", code="invalid_value") from None

    def kind(self, recipe: Recipe) -> Kind:
        """Of the live batch that the images of a resolved recipe belong to."""
        assert recipe.guidance_scale is not None
        strategy = recipe.strategy
        branches = branches_of(strategy, recipe.guidance_scale)
        return Kind(branches, reads_states(strategy, self.pipe.verifier_of(strategy)))

    def _recipe(self, asked: ImagesRequest) -> Recipe:
        check_prompts([asked.prompt])
        values: dict[str, Any] = {"num_images_per_prompt": asked.n or 1}
        if asked.strategy is not None:
            check_words(asked.strategy, self.eyes)
            key = "strategy.name" if isinstance(asked.strategy, str) else "strategy"
            values[key] = asked.strategy
        if asked.trajectories is not None:
            values["strategy.num_trajectories"] = asked.trajectories
        if asked.guidance_scale is not None:
            values["guidance_scale"] = asked.guidance_scale
        values |= {f"sampling.{name}": value for name, value in (asked.sampling or {}).items()}
        usual = self._open if isinstance(asked.strategy, str) else self.usual
        recipe = usual.with_values(values).resolved(self.pipe)
        check_joins(recipe.strategy, self.pipe.decoding)
        self._check_strategy(recipe)
        return recipe

    @property
    def _open(self) -> Recipe:
        """The usual recipe without what its strategy took from the model, for which another may have no use."""
        own = {"reward": self.pipe.own_reward, "verifier": self.pipe.own_verifier}
        settings = self.usual.strategy.model_dump(exclude_unset=True)
        kept = {name: value for name, value in settings.items() if name not in own or value != own[name]}
        strategy = type(self.usual.strategy).from_dict(kept, "strategy")
        return self.usual.model_copy(update={"strategy": strategy})

    def _check(self, asked: ImagesRequest) -> None:
        limits = self.limits
        if asked.model not in (None, self.name):
            raise ApiError(
                404,
                f"the model {shown(asked.model)} is not served; it is {self.name}.",
                param="model",
                code="model_not_found",
            )
        if len(asked.prompt) > limits.max_prompt:
            raise _too_much("prompt", f"the prompt has {len(asked.prompt)} characters", limits.max_prompt)
        if (asked.n or 1) > limits.max_images:
            raise _too_much("n", f"n is {asked.n}", limits.max_images)
        if asked.size not in (None, "auto", self.size_name):
            raise ApiError(
                400, f"size={shown(asked.size)}: the model draws {self.size_name}; ask for that, or auto.", param="size"
            )

    def _check_strategy(self, recipe: Recipe) -> None:
        strategy = recipe.strategy
        for name, text in (*needed(strategy), *free_texts(strategy)):
            offered = self.verifiers if name == "verifier" else self.eyes
            if text not in offered:
                raise ApiError(
                    400,
                    f"{name}={shown(text)}: this server was not started with it{suggestion(text, told(offered))}",
                    param="strategy",
                    code="not_offered",
                )
        count = strategy.num_trajectories
        if count > self.limits.max_trajectories:
            raise _too_much("num_trajectories", f"num_trajectories is {count}", self.limits.max_trajectories)
        decoder = self.pipe.decoder(recipe.sampling)
        assert recipe.guidance_scale is not None
        setting = Setting.of(decoder, recipe.guidance_scale, 0)
        strategy.search(setting)  # whether it fits the model
        alive = max(strategy.most_alive(setting))
        if alive > self.limits.max_rows:
            raise _too_much("strategy", f"an image would have {alive} trajectories alive", self.limits.max_rows)


def eyes_of(recipe: Recipe, pipe: ImagePipeline, more: Collection[str]) -> frozenset[str]:
    """What a server's requests may look with: what its own recipe and its model name, what it was told, and signals."""
    own = [text for _, text in (*needed(recipe.strategy), *free_texts(recipe.strategy))]
    model = [name for name in (pipe.own_reward, pipe.own_verifier) if name is not None]
    return frozenset((*own, *model, *more, *WITHOUT_FILES, LAYOUT))


def told(offered: Collection[str]) -> list[str]:
    """Those that a message may name: not where weights are."""
    return sorted(name for name in offered if not any(letter in name for letter in _OF_FILES))


def needed(strategy: Strategy) -> Iterator[tuple[str, str]]:
    """Everything that a strategy looks with, by the name of the need."""
    needs = strategy.needs()
    values = {field.name: getattr(needs, field.name) for field in fields(needs)}
    return ((name, value) for name, value in values.items() if isinstance(value, str))


def free_texts(settings: BaseModel) -> Iterator[tuple[str, str]]:
    """Settings that may be any text and are not at their default: names of something outside of the settings."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from free_texts(value)
        elif str in _kinds(field.annotation) and value != field.default:
            yield from ((name, text) for text in _texts(value))


def check_words(value: Any, eyes: Collection[str]) -> None:
    """Refuse, before anything is built, a strategy that names files or counts without end. Raises ApiError."""
    for text in _texts(value):
        if any(letter in text for letter in _OF_FILES) and text not in eyes:
            raise ApiError(
                400,
                f"strategy holds {shown(text)}; a request names no file, folder, hub name or module, and gives no "
                "words after a colon.",
                param="strategy",
                code="not_offered",
            )
    for number in _numbers(value):
        if abs(number) > MOST_TRAJECTORIES:
            raise ApiError(400, f"strategy holds {shown(number)}; that is too much.", param="strategy")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in _inner(value):
        yield from _texts(inner)


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, int | float):
        yield value
    for inner in _inner(value):
        yield from _numbers(inner)


def _inner(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [*value, *value.values()]
    return list(value) if isinstance(value, list | tuple) else []


def _kinds(annotation: Any) -> set[Any]:
    """The types in an annotation; the words of a Literal are no types."""
    inner = get_args(annotation)
    return {annotation}.union(*(_kinds(part) for part in inner if not isinstance(part, str))) if inner else {annotation}


def _too_much(param: str, told: str, most: int) -> ApiError:
    return ApiError(400, f"{told}; this server takes at most {most}.", param=param, code="too_large")
