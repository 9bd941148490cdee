"""The page as a whole: its tabs, how it looks, and where it is mounted."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.routing import Match, Mount
from starlette.types import Scope

from scalingar.core.errors import ScalingarError
from scalingar.pipeline.recipe import Recipe
from scalingar.serve.auth import Door
from scalingar.serve.errors import ApiError
from scalingar.serve.limits import Limits
from scalingar.serve.loading import load_offer
from scalingar.serve.metrics import Metrics
from scalingar.serve.service import LiveService
from scalingar.serve.studio.door import AtTheDoor, check_uploads
from scalingar.serve.studio.tabs.compare import Compare
from scalingar.serve.studio.tabs.replay import Replay
from scalingar.serve.studio.tabs.runs import Runs
from scalingar.serve.studio.tabs.watch import Watch
from scalingar.serve.studio.text import alert, sentence_of, words

LARGEST_UPLOAD = 32 * 2**20
"""Bytes of a trace or picture."""
_HERE = Path(__file__).parent
_CHANGED_BY_GRADIO = "HF_HUB_DISABLE_TELEMETRY"


def look() -> dict[str, Any]:
    """Fonts of the visitor's system, so that nothing is fetched from the net; light or dark as the system is."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.blue, font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    script = f"<script>{(_HERE / 'studio.js').read_text('utf-8')}</script>"
    return {"theme": theme, "css_paths": [_HERE / "studio.css"], "head": script}


class Studio(gr.Blocks):
    """The page. ``launch`` serves it by itself, as a Space does."""

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *others: Any, **more: Any) -> Any:
        """As gradio does, but for files that nobody uploaded. Raises OutputError."""
        check_uploads(inputs)
        return await super().preprocess_data(block_fn, inputs, *others, **more)

    def launch(self, *arguments: Any, **settings: Any) -> Any:
        """As gradio does, with this page's looks."""
        own = {**look(), **_PLAIN, "max_file_size": LARGEST_UPLOAD}
        return super().launch(*arguments, **{**own, **settings})


_API = ("/v1", "/health", "/metrics", "/openapi.json")
_PLAIN: dict[str, Any] = {
    "footer_links": ["settings"],
    "run_history": False,
    "ssr_mode": False,
    "mcp_server": False,
    "pwa": False,
    "enable_monitoring": False,
    "show_error": False,
}


def studio_page(service: LiveService, limits: Limits, runs: Path | None = None) -> Studio:
    """The page over a live batch.

    ``runs``: folder of runs that visitors may look through. Raises BenchmarkError where it holds none.
    """
    with environment_kept():
        page = Studio(title="scalingar studio", analytics_enabled=False, delete_cache=(3600, 3600))
    with page:
        served = gr.HTML("<h1>scalingar studio</h1><p>The model is being loaded …</p>", elem_id="served")
        with gr.Tabs():
            with gr.Tab("Watch", id="watch"):
                watch = Watch(service, limits)
            with gr.Tab("Compare", id="compare"):
                compared = Compare(service, limits)
            with gr.Tab("Replay", id="replay"):
                Replay(service, limits)
            with gr.Tab("Runs", id="runs"):
                Runs(runs)
        filled = (watch, compared)

        async def opened() -> list[Any]:
            """Fill the page once the model is there."""
            await asyncio.to_thread(service.loaded.wait)
            try:
                if isinstance(service.failure, ScalingarError):
                    raise service.failure
                offer = service.ready_offer()
            except (ScalingarError, ApiError) as error:
                return [_heading(alert(sentence_of(error))), *(gr.skip() for tab in filled for _ in tab.outputs)]
            told = f"<p>Serving <b>{words(offer.name)}</b>, pictures of {offer.size_name}.</p>"
            return [_heading(told), *(update for tab in filled for update in tab.opened(offer))]

        outputs = [served, *(output for tab in filled for output in tab.outputs)]
        page.load(opened, None, outputs, show_progress="hidden", api_visibility="private", queue=False)
    page.queue(api_open=False, default_concurrency_limit=None)
    return page


def _heading(told: str) -> str:
    return f"<h1>scalingar studio</h1>{told}"


def space(model: Recipe | Mapping[str, Any], runs: Path | None = None, **limits: Any) -> Studio:
    """The page with a live batch of its own, for a Space or a notebook: ``space({"model": "embedded"}).launch()``.

    ``model``: a recipe, or its settings. ``limits``: see :class:`Limits`. Raises ScalingarError.
    """
    recipe = model if isinstance(model, Recipe) else Recipe.from_dict(model)
    bounds = Limits(**limits)
    service = LiveService(partial(load_offer, recipe, bounds), bounds.max_queue, Metrics())
    page = studio_page(service, bounds, runs)
    service.start()
    return page


def mount(app: FastAPI, page: Studio, door: Door) -> None:
    """Put the page at ``/`` of the server, behind its door: with a key it asks to log in with it."""
    gr.mount_gradio_app(
        app,
        page,
        "/",
        auth=door.knows if door.locked else None,
        auth_message="The password is the server's API key; any name will do." if door.locked else None,
        app_kwargs={"middleware": [Middleware(AtTheDoor, door=door)], "openapi_url": None},
        max_file_size=LARGEST_UPLOAD,
        **look(),
        **_PLAIN,
    )
    mounted = app.router.routes.pop()
    assert isinstance(mounted, Mount)
    app.router.routes.append(BesideTheApi("/", app=mounted.app))


class BesideTheApi(Mount):
    """All addresses but the API's, whose wrong uses are answered as OpenAI's clients expect."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette asks its routes."""
        path = scope.get("path", "")
        return (Match.NONE, {}) if path.startswith("/v1/") or path in _API else super().matches(scope)


@contextmanager
def environment_kept() -> Iterator[None]:
    """Gradio sets a variable where it is told to send nothing home."""
    before = os.environ.get(_CHANGED_BY_GRADIO)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_CHANGED_BY_GRADIO, None)
        else:
            os.environ[_CHANGED_BY_GRADIO] = before
