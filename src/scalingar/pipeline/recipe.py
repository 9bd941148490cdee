"""Recipes: everything that decides which image comes out, as a frozen value that lives in YAML and inside PNGs."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializationInfo,
    ValidationInfo,
    model_validator,
)

from scalingar.core.errors import ConfigError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.core.settings import Settings
from scalingar.core.validation import shown
from scalingar.core.yaml_file import as_written, dump_yaml, parse_yaml, read_yaml
from scalingar.models.family import default_strategy as family_default
from scalingar.models.model_folder import PackageInfo
from scalingar.pipeline.arguments import MOST_IMAGES, advice
from scalingar.pipeline.loading import family_of
from scalingar.pipeline.model_choice import ModelChoice, described
from scalingar.pipeline.overrides import merged
from scalingar.pipeline.recipes.shipped import RECIPES
from scalingar.strategies import Strategy
from scalingar.strategies.build_strategy import build_strategy, strategy_name, with_own_verifier, with_reward

LOOKS = 8
"""Pictures per batch on an accelerator."""
NoiseSource = Literal["host", "device"]
"""Where noise is made: by NumPy on the CPU, or on the model's device. The two draw different numbers."""

_OVERRIDE = re.compile(r"([A-Za-z_][\w.]*)=(.*)", re.DOTALL)
_QUOTED = tuple("\"'[{")
_NOT_IN_YAML = re.compile(r"(?:^|\s)#|\n|^\.\.\.|^---")
"""What YAML would take for a comment, a fold, or the end of a document."""


class ModelDefaults(Protocol):
    """Defaults of a loaded model, such as a pipeline, for a recipe."""

    @property
    def guidance_scale(self) -> float:
        """Its authors'."""

    @property
    def own_reward(self) -> str | None:
        """The reward that its folder names."""

    @property
    def own_verifier(self) -> str | None:
        """The verifier that its folder names."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def sampling(self) -> SamplingConfig:
        """Its authors'."""


def default_strategy(model: ModelChoice) -> str:
    """The default strategy for a model."""
    return family_default(family_of(model.name))


def _strategy_for_model(value: Any, info: ValidationInfo) -> Strategy:
    named = isinstance(value, Strategy | str) or (isinstance(value, dict) and "name" in value)
    # An invalid model was refused already.
    model = info.data.get("model", ModelChoice())
    return build_strategy(value) if named else build_strategy(value, default_strategy(model))


def _plain_strategy(strategy: Strategy, info: SerializationInfo) -> dict[str, Any]:
    settings = strategy.model_dump(mode=info.mode, exclude_unset=info.exclude_unset, fallback=repr)
    try:
        name = strategy_name(strategy)
    except ConfigError:  # a Python class outside the registry
        name = described(type(strategy))
    return {"name": name, **settings}


def _plain_sampling(sampling: SamplingConfig | None, info: SerializationInfo) -> dict[str, Any] | None:
    # Unset values stay the model's; written out, they would override it.
    return None if sampling is None else sampling.model_dump(mode=info.mode, exclude_unset=True)


class Recipe(Settings):
    """One run of the pipeline."""

    model: ModelChoice = Field(ModelChoice(), description="a name, or a section of name, device, dtype and options")
    prompt: Annotated[str | None, BeforeValidator(as_written)] = Field(
        None, coerce_numbers_to_str=True, description="what the image shows"
    )
    strategy: Annotated[Strategy, BeforeValidator(_strategy_for_model), PlainSerializer(_plain_strategy)] = Field(
        default_factory=lambda data: build_strategy(default_strategy(data.get("model", ModelChoice()))),
        description="the method of the model's family unless named: scaling-ar or tts-var",
    )
    guidance_scale: float | None = Field(None, description="s_base; the model's own if None")
    sampling: Annotated[SamplingConfig | None, PlainSerializer(_plain_sampling)] = Field(
        None, description="replaces the model's own, where set; None: all as the model has it"
    )
    looks_per_batch: int | None = Field(
        None, ge=1, description="pictures decoded and looked at together; 1 on the CPU, 8 elsewhere if None"
    )
    seed: int = Field(0, ge=0, description="keys the noise; repeat j of a prompt takes seed + j")
    noise: NoiseSource | None = Field(
        None, description="made on the host or the model's device; None: host for a model on the CPU, else device"
    )
    num_images_per_prompt: int = Field(1, ge=1, le=MOST_IMAGES, description="images of the prompt")

    @model_validator(mode="before")
    @classmethod
    def _check_sections(cls, data: Any) -> Any:
        """Refuse settings of the model outside its section, and names that mean something elsewhere."""
        for name in data if isinstance(data, Mapping) else ():
            if name in cls.model_fields or not isinstance(name, str):
                continue
            if name in ModelChoice.setting_names():
                raise ConfigError(f"{name} is a setting of the model; write it as model.{name}.")
            if (told := advice(name)) is not None:
                raise ConfigError(told)
        return data

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """From a file, or a text that names one that comes with the package; missing settings take their defaults.

        Raises:
            ConfigError: the file cannot be read, is no YAML, or is no valid recipe; there is none of that name.
        """
        path = RECIPES.find(path)
        data = read_yaml(path, "recipe")
        if not isinstance(data, dict | None):
            raise ConfigError(f"{path} holds no recipe; write one 'setting: value' per line.")
        try:
            return cls.from_dict(data or {})
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Complete, in plain types."""
        return self.model_dump(mode="json")

    def to_yaml(self, *, ascii_only: bool = False) -> str:
        """Complete, so that no later default can change it; :meth:`from_yaml` gives the same recipe back.

        ``ascii_only``: spell out other characters, for files and terminals that are not UTF-8.
        """
        return dump_yaml(self.to_dict(), ascii_only=ascii_only)

    def with_overrides(self, overrides: Sequence[str]) -> Self:
        """With settings replaced, each written ``a.b=value`` with the value in YAML.

        Raises:
            ConfigError: not of this form, an unknown setting, or a value out of range.
        """
        return self.with_values(parse_overrides(overrides))

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """With settings replaced by their dotted names; see :func:`merged`. Raises ConfigError."""
        return self.from_dict(merged(self.model_dump(exclude_unset=True), values)) if values else self

    def resolved(self, defaults: ModelDefaults) -> Self:
        """With the defaults of the model and its device for unset values.

        Raises:
            ConfigError: the strategy needs a reward, and neither the recipe nor the model names one; or a verifier,
                and neither names one.
        """
        scale = defaults.guidance_scale if self.guidance_scale is None else self.guidance_scale
        if not math.isfinite(scale):
            raise ConfigError(f"guidance_scale is {scale}, the default of {defaults.name}; set it to a number.")
        strategy = with_reward(self.strategy, defaults.own_reward, defaults.name)
        strategy = with_own_verifier(strategy, defaults.own_verifier, defaults.name)
        update = {
            "guidance_scale": scale,
            "sampling": self._sampled(defaults.sampling),
            "strategy": strategy,
            **self.by_device(),
        }
        return self.model_copy(update=update)

    def foreseen(self, description: PackageInfo | None) -> Self:
        """As far as is known before the model is loaded what :meth:`resolved` will say; nothing is refused.

        ``description``: the content of the model's ``pipeline.json``; None if it has none.
        """
        update = self.by_device()
        if description is not None:
            scale = description.guidance_scale if self.guidance_scale is None else self.guidance_scale
            update |= {"guidance_scale": scale, "sampling": self._sampled(description.sampling)}
            strategy = self.strategy
            if description.reward is not None:
                strategy = with_reward(strategy, description.reward, description.name)
            if description.verifier is not None:
                strategy = with_own_verifier(strategy, description.verifier, description.name)
            update["strategy"] = strategy
        return self.model_copy(update=update)

    def _sampled(self, usual: SamplingConfig) -> SamplingConfig:
        """With the model's own settings where none are set."""
        own = {} if self.sampling is None else self.sampling.model_dump(exclude_unset=True)
        return SamplingConfig(**{**usual.model_dump(), **own})

    def by_device(self) -> dict[str, Any]:
        """Settings that follow, unless set, from where the model runs."""
        return {
            "looks_per_batch": self.looks_per_batch or (1 if self.model.on_cpu else LOOKS),
            "noise": self.noise or ("host" if self.model.on_cpu else "device"),
        }

    def arguments(self) -> dict[str, Any]:
        """Everything but the model, as a call of its pipeline takes it: ``pipe(**recipe.arguments())``."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "model"}

    def of_images(self, prompts: Sequence[str], seed: int | Sequence[int]) -> list[tuple[Self, int]]:
        """Per image, prompt-major: a recipe that draws it, and the image's number among that recipe's.

        ``seed``: of the first repeat of each prompt; or one per image.
        """
        repeats = range(self.num_images_per_prompt)
        if isinstance(seed, int):
            of_prompts = [self.model_copy(update={"prompt": prompt, "seed": seed}) for prompt in prompts]
            return [(recipe, repeat) for recipe in of_prompts for repeat in repeats]
        texts = [prompt for prompt in prompts for _ in repeats]
        single = self.model_copy(update={"num_images_per_prompt": 1})
        pairs = zip(texts, seed, strict=True)
        return [(single.model_copy(update={"prompt": text, "seed": image_seed}), 0) for text, image_seed in pairs]


def _with_noise(recipe: Recipe) -> Recipe:
    return recipe if recipe.noise is not None else recipe.model_copy(update={"noise": "host"})


RecordedRecipe = Annotated[Recipe, AfterValidator(_with_noise)]
"""The resolved recipe of what was drawn. Where it does not name the noise it is older than the choice: the host's."""


_EXAMPLE = "strategy.gate.quantile=0.1"


def parse_overrides(words: Sequence[str], example: str = _EXAMPLE) -> dict[str, Any]:
    """Values of several ``a.b=value`` by their dotted names. Raises ConfigError; a name must not be there twice.

    ``example``: of a setting that may stand there.
    """
    values: dict[str, Any] = {}
    for word in words:
        name, value = parse_override(word, example)
        if name in values:
            raise ConfigError(f"{name} is set twice; leave one of them out.")
        values[name] = value
    return values


def parse_override(text: str, example: str = _EXAMPLE) -> tuple[str, Any]:
    """Dotted name and value of ``a.b=value``, the value in YAML. Raises ConfigError."""
    match = _OVERRIDE.fullmatch(text)
    if match is None:
        raise ConfigError(f"{shown(text)} is no setting; write it as {example}.")
    name, value = match[1], match[2]
    if not value.startswith(_QUOTED) and _NOT_IN_YAML.search(value):
        return name, value
    try:
        return name, parse_yaml(value)
    except ValueError:
        raise ConfigError(f"{shown(text)}: what follows the '=' is no YAML value; put text in quotes.") from None
