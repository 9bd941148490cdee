"""Building strategies from a name, from settings as in a recipe, or from a strategy."""

from collections.abc import Mapping
from typing import Any

from scalingar.core.errors import ConfigError
from scalingar.core.validation import shown
from scalingar.rewards import REWARDS, check_reward
from scalingar.rewards.features import check_feature
from scalingar.rewards.rank_sum import asks_verifier
from scalingar.strategies import STRATEGIES, Strategy


def build_strategy(value: Any, default: str = "") -> Strategy:
    """A strategy from its name, or from ``{"name": ..., setting: value}``; without a name it is ``default``'s.

    Raises:
        ConfigError: unknown name, setting, reward or feature, or a value out of range.
    """
    strategy = value if isinstance(value, Strategy) else _from_settings(value, default)
    needs = strategy.needs()
    if needs.reward is not None:
        check_reward(needs.reward)
    if needs.feature is not None:
        check_feature(needs.feature)
    return strategy


def with_trajectories(strategy: Strategy, count: int) -> Strategy:
    """The same strategy with another N. Raises ConfigError for an invalid N."""
    if count < 1:
        raise ConfigError(f"num_trajectories is {count}; it must be at least 1.")
    return changed(strategy, num_trajectories=count)


def with_reward(strategy: Strategy, reward: str | None, model: str) -> Strategy:
    """The same strategy with ``reward``, the default of ``model``, if it uses a reward and names none.

    Raises:
        ConfigError: the model has no default either.
    """
    needs = strategy.needs()
    if not needs.rewarded or needs.reward is not None:
        return strategy
    name = STRATEGIES.name_of(type(strategy))
    if "reward" not in type(strategy).model_fields:
        raise ConfigError(f"the strategy {name} asks a reward and has no setting named 'reward'; give it one.")
    if reward is None:
        raise ConfigError(
            f"the strategy {name} needs a reward, and {model} has no default; "
            f"set strategy.reward to one of {', '.join(REWARDS)}."
        )
    return changed(strategy, reward=reward)


def with_own_verifier(strategy: Strategy, verifier: str | None, model: str) -> Strategy:
    """The same strategy with ``verifier``, the one of ``model``, if it uses a verifier and names none.

    Raises:
        ConfigError: the model has none either.
    """
    needs = strategy.needs()
    if not needs.verified or needs.verifier is not None:
        return strategy
    name = STRATEGIES.name_of(type(strategy))
    if asks_verifier(needs.reward):
        if verifier is None:
            raise ConfigError(
                f"the reward {needs.reward} is the value of a model's own verifier, and {model} has none; name another."
            )
        return strategy
    if "verifier" not in type(strategy).model_fields:
        raise ConfigError(f"the strategy {name} asks a verifier and has no setting named 'verifier'; give it one.")
    if verifier is None:
        raise ConfigError(
            f"the strategy {name} needs a verifier of {model}, and none is named, nor has the model one of its own (a "
            "converted copy has none); set strategy.verifier to a folder of 'scalingar verifier train'."
        )
    return changed(strategy, verifier=verifier)


def changed(strategy: Strategy, **settings: Any) -> Strategy:
    """The same strategy with some settings replaced. Raises ConfigError."""
    return type(strategy).from_dict({**strategy.model_dump(exclude_unset=True), **settings}, "strategy")


def strategy_name(strategy: Strategy) -> str:
    """The name a strategy is registered under. Raises ConfigError if it is not."""
    for name in STRATEGIES:
        if STRATEGIES[name] is type(strategy):
            return name
    raise ConfigError(f"{type(strategy).__name__} is not registered; a recipe cannot name it.")


def _from_settings(value: Any, default: str) -> Strategy:
    settings = {"name": value} if isinstance(value, str) else value
    name = settings.get("name", default) if isinstance(settings, Mapping) else None
    if not name or not isinstance(name, str):
        raise ConfigError(
            f"strategy={shown(value)}: must be a name or settings such as {{name: {default or 'best-of-n'}}}"
        )
    kind = STRATEGIES[name]
    for setting in settings:
        _check_own(name, setting, settings[setting])
    return kind.from_dict({key: value for key, value in settings.items() if key != "name"}, "strategy")


def _check_own(name: str, setting: Any, value: Any) -> None:
    """Raises ConfigError for a setting that only other strategies have."""
    others = [other for other in STRATEGIES if setting in STRATEGIES[other].model_fields]
    if others and name not in others:
        raise ConfigError(
            f"strategy.{setting}={shown(value)} is no setting of {name}; take a strategy that has it "
            f"({', '.join(others)}), or leave it out."
        )
