"""A bar of tqdm over the steps of a call, for notebooks and scripts."""

from collections.abc import Iterable, Iterator
from importlib import import_module

from scalingar.core.packages import require
from scalingar.strategies.engine.step_event import StepEvent


def followed(events: Iterable[StepEvent], images: int) -> Iterator[StepEvent]:
    """The same events, with a bar that moves with the furthest step of each image and says how many are alive.

    Raises:
        PackageError: tqdm is not installed.
    """
    require("progress=True", "progress")
    tqdm = import_module("tqdm.auto").tqdm
    return _with_bar(events, images, tqdm)


def _with_bar(events: Iterable[StepEvent], images: int, tqdm: type) -> Iterator[StepEvent]:
    reached: dict[int, int] = {}
    alive: dict[int, int] = {}
    with tqdm(desc="drawing", unit="step") as bar:
        for event in events:
            bar.total = images * event.total_steps
            # An image that begins again, in a further wave, does not move the bar back.
            before = reached.get(event.prompt, 0)
            reached[event.prompt] = max(before, event.position + 1)
            alive[event.prompt] = len(event.indices) - len(event.cut)
            bar.set_postfix_str(f"{sum(alive.values())} alive", refresh=False)
            bar.update(reached[event.prompt] - before)
            yield event
