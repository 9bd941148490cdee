"""The options that choose a model, the same for every command that loads one."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Annotated, Any, get_args

import typer

from scalingar.cli.words.set_once import together

_PANEL = "Model; its other options are model.key=value, see [b]scalingar ls models[/]"
_OPTIONS: dict[str, Any] = {
    "name": Annotated[
        str | None,
        typer.Option("--model", help="'embedded', a file or folder, or a hub name.", rich_help_panel=_PANEL),
    ],
    "variant": Annotated[
        str | None, typer.Option("--variant", help="Which model of a repository.", rich_help_panel=_PANEL)
    ],
    "tokenizer": Annotated[
        str | None, typer.Option("--tokenizer", help="File of the image tokenizer.", rich_help_panel=_PANEL)
    ],
    "text_encoder": Annotated[
        str | None, typer.Option("--text-encoder", help="Folder or hub name of the T5.", rich_help_panel=_PANEL)
    ],
    "device": Annotated[
        str | None, typer.Option("--device", help="cpu, cuda, mps, xpu, or auto.", rich_help_panel=_PANEL)
    ],
    "dtype": Annotated[str | None, typer.Option("--dtype", help="fp32, bf16 or fp16.", rich_help_panel=_PANEL)],
    "compile": Annotated[
        bool | None,
        typer.Option("--compile/--no-compile", help="Faster steps after a minute.", rich_help_panel=_PANEL),
    ],
}
"""By their names in the model section of a recipe."""

Command = Callable[..., None]


def takes_model(*, without: Sequence[str] = ()) -> Callable[[Command], Command]:
    """Decorator: gives a command these options; it receives those that were set as ``model``, a recipe's section.

    ``without``: names of the section that the command does not take.
    """
    options = {name: annotation for name, annotation in _OPTIONS.items() if name not in without}

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command)
        named = _is_argument(signature.parameters.get("name"))

        @wraps(command)
        def with_section(**arguments: Any) -> None:
            section = {name: arguments.pop(f"model_{name}") for name in options}
            given = {name: value for name, value in section.items() if value is not None}
            _check_once({**given, "name": arguments["name"]} if named else given, arguments)
            command(**arguments, model=given)

        parameters = {name: parameter for name, parameter in signature.parameters.items() if name != "model"}
        for name, annotation in options.items():
            parameters[f"model_{name}"] = inspect.Parameter(
                f"model_{name}", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
            )
        ordered = sorted(parameters.values(), key=lambda parameter: parameter.kind)
        with_section.__signature__ = signature.replace(parameters=ordered)  # type: ignore[attr-defined]
        with_section.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
        return with_section

    return decorate


def _is_argument(parameter: inspect.Parameter | None) -> bool:
    """Whether it is a word of the command and no option of this name."""
    told = () if parameter is None else get_args(parameter.annotation)
    return any(isinstance(one, typer.models.ArgumentInfo) for one in told)


def _check_once(section: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Raises ConfigError where an option, or the name that a command begins with, is also among its words."""
    words = [word for value in arguments.values() if isinstance(value, list) for word in value]
    if settings := [word for word in words if _is_of(word, "model")]:
        together({f"model.{name}": value for name, value in section.items()}, settings)


def split_model(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """What ``model.key=value`` says of the model, and the other words. Raises ConfigError."""
    return split_section(words, "model")


def split_section(words: Sequence[str], name: str) -> tuple[dict[str, Any], list[str]]:
    """What ``name.key=value`` says of this section of a recipe, and the other words. Raises ConfigError."""
    from scalingar.pipeline.recipe import parse_overrides  # noqa: PLC0415

    settings = [word for word in words if _is_of(word, name)]
    section = {key.removeprefix(f"{name}."): value for key, value in parse_overrides(settings).items()}
    return section, [word for word in words if word not in settings]


def _is_of(word: Any, name: str) -> bool:
    return isinstance(word, str) and word.startswith(f"{name}.") and "=" in word
