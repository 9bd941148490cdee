"""A live batch over the tiny models, and tabs over it."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from scalingar.bench.benchmark import BENCHMARKS
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.serve.metrics import Metrics
from scalingar.serve.service import LiveService
from scalingar.serve.studio.app import environment_kept
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, plan, runner_of
from tests.serve.running import tiny_offer
from tests.tiny.pipes import tiny_pipe

PROMPT = "a red cat"


@contextmanager
def live(pipe: ImagePipeline | None = None, usual: dict[str, Any] | None = None) -> Iterator[LiveService]:
    """A live batch that draws."""
    service = LiveService(lambda: tiny_offer(pipe, usual, max_trajectories=9), 8, Metrics())
    service.start()
    assert service.loaded.wait(60)
    try:
        yield service
    finally:
        service.close()


@contextmanager
def right_and_wrong(folder: Path) -> Iterator[Path]:
    """Two runs whose judges ask for different brightness, so that one is right about everything, and one never."""
    pipe = tiny_pipe()
    for strategy, threshold in (("single", 255.0), ("scaling-ar", 0.0)):
        finish(runner_of(pipe, Bright(threshold), plan(pipe, strategy), folder / strategy))
    with BENCHMARKS.temporarily("bright", Bright):
        yield folder


def tab(kind: Any, *arguments: Any) -> Any:
    """A tab of a page."""
    with environment_kept(), gr.Blocks(analytics_enabled=False):
        return kind(*arguments)


async def all_of(coming: AsyncGenerator[Any]) -> list[Any]:
    """Everything that a handler yields."""
    return [shown async for shown in coming]
