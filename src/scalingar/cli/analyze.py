"""``scalingar analyze``: what complete runs say beyond their scores."""

import typer

analyze = typer.Typer(
    no_args_is_help=True,
    help="Ask a complete run what other strategies would have done.",
    rich_markup_mode="rich",
    add_completion=False,
)


@analyze.callback()
def _root() -> None:
    """Ask a complete run what other strategies would have done."""
