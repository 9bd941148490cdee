"""What is written into the page's fields as a request, and what can be written there."""

import json
import math
from collections.abc import Iterator, Mapping
from secrets import randbelow
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from scalingar.core.errors import ConfigError, ScalingarError
from scalingar.models.prompts.encoders import check_prompts
from scalingar.pipeline.overrides import merged
from scalingar.pipeline.recipe import parse_overrides
from scalingar.serve.errors import ApiError, of_package
from scalingar.serve.offer import Offer
from scalingar.serve.protocol import ImagesRequest
from scalingar.strategies import STRATEGIES, Strategy
from scalingar.strategies.build_strategy import strategy_name

_SECTIONS = ("strategy", "sampling", "guidance_scale")
_COUNT = "num_trajectories"
SEEDS = 2**32


def request(
    prompt: str | None, strategy: str | None, settings: str | None, count: float | None, seed: float | None
) -> ImagesRequest:
    """A request of one image.

    ``settings``: one ``strategy.gate.quantile=0.1`` per line, as after the prompt of ``scalingar generate``.
    ``count``: N; None, or a strategy with a number of its own: the strategy's. ``seed``: None draws one.

    Raises:
        ApiError: the sentence that the command line gives.
    """
    try:
        check_prompts([prompt or ""])
        return _request(prompt or "", strategy or "", settings or "", count, seed)
    except ScalingarError as error:
        raise of_package(error) from None


def _request(prompt: str, strategy: str, settings: str, count: float | None, seed: float | None) -> ImagesRequest:
    values = parse_overrides([line.strip() for line in settings.splitlines() if line.strip()])
    for name in values:
        if name.split(".")[0] not in _SECTIONS:
            raise ConfigError(
                f"{name} is no setting here; write strategy.name=value, sampling.name=value or guidance_scale=value."
            )
    data: dict[str, Any] = {"strategy": {"name": strategy}}
    if count is not None and _COUNT not in STRATEGIES[strategy].fixed:
        if f"strategy.{_COUNT}" in values:
            raise ConfigError(f"strategy.{_COUNT} is set twice, also by N; leave one of them out.")
        data["strategy"][_COUNT] = whole(count, "N")
    data = merged(data, values)
    data |= {"prompt": prompt, "seed": randbelow(SEEDS) if seed is None else whole(seed, "seed")}
    return check_request(data)


def check_request(data: Mapping[str, Any]) -> ImagesRequest:
    """As one that comes over the net, and by the same rules. Raises ApiError, ConfigError."""
    _check_finite("", data)
    return ImagesRequest.read(json.dumps(data).encode())


def _check_finite(name: str, value: Any) -> None:
    """Raises ConfigError for a number that JSON does not have, which fields of text may hold."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name} is {value}; it must be a finite number.")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_finite(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_finite(name, inner)


def whole(number: float, name: str) -> int | float:
    """A number field's value: browsers send 8 as 8.0. Raises ConfigError for NaN and inf."""
    _check_finite(name, number)
    return int(number) if float(number).is_integer() else number


def offered(offer: Offer) -> list[str]:
    """Strategies that the served model can be drawn with."""
    return [name for name in STRATEGIES if _is_offered(offer, name)]


def _is_offered(offer: Offer, name: str) -> bool:
    try:
        offer.recipe(ImagesRequest(prompt="a", strategy={"name": name, **_least(name)}))
    except ApiError:
        return False
    return True


def _least(name: str) -> dict[str, Any]:
    """With one trajectory where that is possible, so that no limit is in the way."""
    return {} if _COUNT in STRATEGIES[name].fixed else {_COUNT: 1}


def usual_settings(strategy: Strategy) -> str:
    """What the server's own strategy was given, as lines of the field."""
    given = strategy.model_dump(mode="json", exclude_unset=True)
    given.pop(_COUNT, None)
    return "\n".join(f"strategy.{name}={json.dumps(value)}" for name, value in _leaves(given))


def _leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def settings_of(name: str) -> list[tuple[str, str, str]]:
    """Every setting of a strategy but N: its dotted name, its default, and what it means."""
    return [row for row in _rows(STRATEGIES[name], "strategy.") if row[0] != f"strategy.{_COUNT}"]


def _rows(kind: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in kind.model_fields.items():
        default = field.get_default(call_default_factory=True) if not field.is_required() else None
        if isinstance(default, BaseModel):
            yield from _rows(type(default), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _default(field, default), field.description or ""


def _default(field: FieldInfo, default: Any) -> str:
    return "" if field.is_required() else json.dumps(default, default=str)


def usual_name(offer: Offer) -> str:
    """The server's own strategy."""
    return strategy_name(offer.usual.strategy)
