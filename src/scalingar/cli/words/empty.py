"""Options and paths that are empty, as a variable of the shell is that was never set."""

import inspect
from pathlib import Path
from typing import Any, get_args

import typer
from typer.core import TyperCommand


class WithoutEmptyValues(TyperCommand):
    """A command whose options and paths are refused where they are empty: an empty path would be the present folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typer does. Raises BadParameter."""
        if not ctx.resilient_parsing and self.callback is not None:
            given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
            kinds = inspect.signature(self.callback).parameters
            for parameter in self.params:
                value, name = given.get(parameter.name), _called(parameter)
                # Words that are no paths, such as prompts, have sentences of their own.
                checked = parameter.nargs == 1 or _is_path(kinds[parameter.name].annotation)
                if checked and "" in (value if isinstance(value, list | tuple) else [value]):
                    way_out = "" if parameter.required else ", or leave it out"
                    raise typer.BadParameter(f"{name} is empty; give it a value{way_out}")
        return super().parse_args(ctx, args)


def _called(parameter: Any) -> str:
    """``--output``; of an argument as its help calls it."""
    name = max(parameter.opts, key=len)
    return name if name.startswith("-") else str(parameter.metavar or name.upper())


def _is_path(annotation: Any) -> bool:
    return annotation is Path or any(map(_is_path, get_args(annotation)))
