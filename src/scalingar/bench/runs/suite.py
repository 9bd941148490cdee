"""The strategies of a comparison: from a list of names, or from a YAML file of labels and settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scalingar.bench.file_names import file_name
from scalingar.core.errors import ConfigError
from scalingar.core.validation import shown
from scalingar.core.yaml_file import as_written, read_yaml
from scalingar.pipeline.arguments import whole
from scalingar.pipeline.recipes.shipped import SUITES
from scalingar.strategies import Strategy
from scalingar.strategies.build_strategy import build_strategy


def check_alone(suite: str, **options: str | int | None) -> None:
    """Raises ConfigError if strategies or settings of them are named beside a suite, which has its own."""
    for name, value in options.items():
        if value is not None:
            option = f"--{name.replace('_', '-')} {value}"
            raise ConfigError(f"{option} and --suite {suite} both say what is compared; leave one of them out.")


def named(
    names: str, given: Mapping[str, int | str | None], usual: Mapping[str, int | str | None] | None = None
) -> dict[str, Strategy]:
    """Strategies of a comma-separated list, under their names.

    ``given``: what options say of ``num_trajectories``, ``reward`` and ``verifier``; it replaces the defaults of the
    strategies that have them. ``usual``: likewise, where no option says it. None: nothing is said.

    Raises ConfigError, also for an option that none of the strategies takes.
    """
    listed = [name.strip() for name in names.split(",") if name.strip()]
    if not listed:
        raise ConfigError("no strategy is named; give some, such as --strategy single,scaling-ar.")
    if twice := [name for name in listed if listed.count(name) > 1]:
        raise ConfigError(f"{twice[0]} is named twice; leave one out, or give two labels in a file for --suite.")
    strategies = {name: build_strategy(name) for name in listed}
    for setting, value in given.items():
        if value is not None:
            _check_taken(setting, value, strategies)
    said = {name: value for values in (usual or {}, given) for name, value in values.items() if value is not None}
    return {name: _with_settings(strategy, name, said) for name, strategy in strategies.items()}


def _check_taken(setting: str, value: int | str, strategies: Mapping[str, Strategy]) -> None:
    """Raises ConfigError unless some strategy takes the setting, or has it so anyway."""
    if isinstance(value, int):
        whole(value, setting, 1)
    if not any(
        _takes(strategy, setting) or getattr(strategy, setting, None) == value for strategy in strategies.values()
    ):
        option = f"--{setting.replace('_', '-')} {value}"
        raise ConfigError(f"{option} is for none of the strategies ({', '.join(strategies)}); leave it out.")


def read_suite(source: str | Path) -> dict[str, Strategy]:
    """Strategies of a YAML file of ``label: {name: strategy, setting: value}``; the name defaults to the label.

    ``source``: a path, or a text that names a suite that comes with the package.

    Raises:
        ConfigError: the file cannot be read, or says something no strategy knows; there is no suite of that name.
    """
    path = SUITES.find(source)
    data = read_yaml(path, "suite")
    if not isinstance(data, Mapping) or not data:
        raise ConfigError(f"{path} holds no suite; write one 'label: {{name: strategy}}' per line.")
    labelled = {str(as_written(label)): settings for label, settings in data.items()}
    if len(labelled) < len(data):
        raise ConfigError(f"{path} has two labels that read the same; rename one of them.")
    return {label: _strategy(label, settings, path) for label, settings in labelled.items()}


def _strategy(label: str, settings: Any, path: Path) -> Strategy:
    if label.startswith(".") or file_name(label) != label:
        raise ConfigError(
            f"{path}: the label {shown(label)} is to name a folder; leave out slashes, leading dots and what cannot be "
            "seen, and be brief."
        )
    if not isinstance(settings, Mapping | None):
        raise ConfigError(f"{path}: {label}={shown(settings)} must be settings such as {{name: scaling-ar}}.")
    try:
        return build_strategy({"name": label, **(settings or {})})
    except ConfigError as error:
        raise ConfigError(f"{path}: {label}: {error}") from None


def _takes(strategy: Strategy, setting: str) -> bool:
    needs = strategy.needs()
    return {
        "num_trajectories": "num_trajectories" not in strategy.fixed,
        "reward": needs.rewarded,
        "verifier": needs.verified,
    }[setting]


def _with_settings(strategy: Strategy, name: str, settings: Mapping[str, Any]) -> Strategy:
    own = {key: value for key, value in settings.items() if _takes(strategy, key)}
    return build_strategy({"name": name, **own}) if own else strategy
