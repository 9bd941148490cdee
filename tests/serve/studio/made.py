"""A live batch over the tiny models, and tabs over it."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.serve.metrics import Metrics
from scalingar.serve.service import LiveService
from scalingar.serve.studio.app import environment_kept
from tests.serve.running import tiny_offer

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


def tab(kind: Any, *arguments: Any) -> Any:
    """A tab of a page."""
    with environment_kept(), gr.Blocks(analytics_enabled=False):
        return kind(*arguments)


async def all_of(coming: AsyncGenerator[Any]) -> list[Any]:
    """Everything that a handler yields."""
    return [shown async for shown in coming]
