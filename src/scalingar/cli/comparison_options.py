"""Options of the commands that compare strategies."""

from typing import Annotated

import typer

PANEL = "What is compared"
MOST_IMAGES = 65_536
"""Of a prompt."""
STRATEGIES = "single,best-of-n"
"""With the method of the model's family."""

Strategies = Annotated[
    str | None,
    typer.Option(
        help="Strategies, with commas between them.",
        show_default=f"{STRATEGIES},scaling-ar or tts-var",
        rich_help_panel=PANEL,
    ),
]
Suite = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="Labels and strategies of a YAML file instead; see [b]scalingar ls suites[/].",
        rich_help_panel=PANEL,
    ),
]
Trajectories = Annotated[
    int | None, typer.Option("-n", "--num-trajectories", help="N, trajectories per image.", rich_help_panel=PANEL)
]
