"""A strategy from what a user says: its name, settings as in a recipe, or the strategy itself."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from scalingar.core.errors import ConfigError
from scalingar.core.validation import sentence
from scalingar.rewards import check_reward
from scalingar.strategies import STRATEGIES, Strategy
from scalingar.strategies.best_of_n import RewardedStrategy
from scalingar.strategies.setting import Family
from scalingar.strategies.single import Single

DEFAULT_STRATEGIES: dict[Family, str] = {"next-token": "scaling-ar", "next-scale": "tts-var"}
DEFAULT_STRATEGY = DEFAULT_STRATEGIES["next-token"]


def build_strategy(value: Any, default: str = DEFAULT_STRATEGY) -> Strategy:
    """A strategy from its name, or from ``{"name": ..., setting: value}``; settings without a name are ``default``'s.

    Raises:
        ConfigError: unknown name, setting or reward, or a value out of range.
    """
    strategy = value if isinstance(value, Strategy) else _from_settings(value, default)
    if isinstance(strategy, RewardedStrategy):
        check_reward(strategy.reward)
    return strategy


def with_trajectories(strategy: Strategy, count: int) -> Strategy:
    """The same strategy with another N. Raises ConfigError where that cannot be."""
    if count < 1:
        raise ConfigError(f"num_trajectories is {count}; it must be at least 1.")
    if isinstance(strategy, Single) and count != 1:
        raise ConfigError(f"the strategy 'single' decodes one trajectory, not {count}; choose another strategy.")
    return _validated(type(strategy), {**strategy.model_dump(exclude_unset=True), "num_trajectories": count})


def strategy_name(strategy: Strategy) -> str:
    """The name a strategy is registered under. Raises ConfigError if it is not."""
    for name in STRATEGIES:
        if STRATEGIES[name] is type(strategy):
            return name
    raise ConfigError(f"{type(strategy).__name__} is not registered; a recipe cannot name it.")


def _from_settings(value: Any, default: str) -> Strategy:
    settings = {"name": value} if isinstance(value, str) else value
    name = settings.get("name", default) if isinstance(settings, Mapping) else None
    if not isinstance(name, str):
        raise ConfigError(f"strategy={value!r}: must be a name or settings such as {{name: {default}}}")
    return _validated(STRATEGIES[name], {key: setting for key, setting in settings.items() if key != "name"})


def _validated(kind: type[Strategy], settings: Mapping[str, Any]) -> Strategy:
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(sentence(error, kind, "strategy")) from None
