"""What a user sees while waiting, on stderr: the bar, and what is being loaded."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Timer

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scalingar.cli.terminal import console, say
from scalingar.strategies import Strategy
from scalingar.strategies.engine.step_event import StepEvent

PATIENCE = 5.0
"""Seconds without a word."""


def follow(events: Iterable[StepEvent], *, visible: bool, what: str = "drawing") -> None:
    """Run through a stream's events, showing steps and how many of the trajectories that started are alive."""
    screen = console(stderr=True)
    columns = (
        TextColumn(what, markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[alive]} of {task.fields[all]} alive"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True, disable=not (visible and screen.is_terminal)) as bar:
        task = bar.add_task("", total=None, alive="all", all="all")
        started: dict[int, int] = {}
        alive: dict[int, int] = {}
        for event in events:
            started.setdefault(event.prompt, len(event.indices))
            # A copy is seen one step after it was made.
            alive[event.prompt] = len(event.indices) - len(event.cut)
            now, first = sum(alive.values()), sum(started.values())
            bar.update(task, completed=event.position + 1, total=event.total_steps, alive=now, all=first)


@contextmanager
def loading(what: str, *, visible: bool = True) -> Iterator[None]:
    """Say on stderr what is being loaded, if the block takes long enough for somebody to wonder."""
    timer = Timer(PATIENCE, say, [f"loading {what} …"], {"to_stderr": True, "flush": True})
    timer.daemon = True
    if visible:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def looks_with(strategy: Strategy) -> str:
    """What a strategy judges pictures with, which may have to be fetched or read; empty if that is nothing."""
    needs = strategy.needs()
    named = {"reward": needs.reward, "feature": needs.feature, "verifier": needs.verifier}
    return ", ".join(f"the {what} {name}" for what, name in named.items() if name is not None)
