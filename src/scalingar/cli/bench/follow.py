"""The bar of a run: images as they are drawn, tokens that cuts saved, and the time that is left."""

from threading import Lock

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from scalingar.bench.runs.runner import Runner, ShardDone
from scalingar.cli.terminal import console

_MEMORY = 7 * 24 * 3600.0
"""Seconds over which the speed is a mean: shards of another machine are heard of seldom."""


def follow(runner: Runner, label: str) -> int:
    """Run, with a bar on stderr; returns the number of images that are there."""
    screen = console(stderr=True)
    columns = (
        TextColumn(label, markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images"),
        TextColumn("{task.fields[workers]}"),
        TextColumn("{task.fields[saved]}"),
        TimeRemainingColumn(),
    )
    visible = screen.is_terminal
    bar = Progress(*columns, console=screen, transient=True, disable=not visible, speed_estimate_period=_MEMORY)
    images = 0
    with bar:
        line = _Line(bar, bar.add_task("", total=None, workers="", saved=""), runner)
        runner.executor.watched_by(line.under_way if visible else None)
        try:
            for done in runner.run():
                images = done.images
                line.completed(done)
        finally:
            runner.executor.watched_by(None)
    return images


class _Line:
    """A run's line: what is complete, and how far shards under way are; it is told from several threads."""

    def __init__(self, bar: Progress, task: TaskID, runner: Runner) -> None:
        self._bar, self._task, self._runner = bar, task, runner
        self._lock = Lock()
        self._complete: int | None = None
        self._drawn: dict[int, float] = {}

    def under_way(self, shard: int, images: float) -> None:
        """``images`` of a shard are drawn."""
        with self._lock:
            self._drawn[shard] = images
            self._bar.update(self._task, completed=self._now())

    def completed(self, done: ShardDone) -> None:
        """A shard is written, or it is known what is there from an earlier run, from which no speed follows."""
        with self._lock:
            first, self._complete = self._complete is None, done.images
            if done.shard is not None:
                self._drawn.pop(done.shard, None)
            if first:
                self._bar.reset(self._task, total=done.total, completed=done.images)
            self._bar.update(
                self._task, completed=self._now(), workers=_workers(self._runner.executor.alive), saved=_saved(done)
            )

    def _now(self) -> float:
        return (self._complete or 0) + sum(self._drawn.values())


def _workers(count: int) -> str:
    return f"{count} worker{'s' * (count != 1)}"


def _saved(done: ShardDone) -> str:
    if done.tokens >= done.full_tokens:
        return ""
    return f"{1 - done.tokens / done.full_tokens:.0%} of tokens saved"
