"""Compare: two or three strategies on the same noise, side by side."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import gradio as gr
from anyio.to_thread import run_sync

from scalingar.core.errors import ScalingarError
from scalingar.serve.errors import ApiError
from scalingar.serve.job import Finished, Frame
from scalingar.serve.limits import Limits
from scalingar.serve.offer import Offer
from scalingar.serve.protocol import ImagesRequest
from scalingar.serve.service import LiveService
from scalingar.serve.studio.asking import Shown, StrategyFields, draw_and_stop, filled
from scalingar.serve.studio.board import tiles
from scalingar.serve.studio.drawing import drawing, moment_of
from scalingar.serve.studio.fields import request
from scalingar.serve.studio.moment import Moment
from scalingar.serve.studio.text import alert, notes, sentence_of, status, words

MOST = 3
_FRAMES = 8
"""Moments shown of each image: several are on the page."""


class Compare:
    """The tab. ``outputs``: what ``opened`` fills once the model is there."""

    def __init__(self, service: LiveService, limits: Limits) -> None:
        self.service, self.limits = service, limits
        self.prompt = gr.Textbox(label="Prompt", placeholder="a photo of two bananas", elem_id="compare-prompt")
        with gr.Row():
            self.count = gr.Number(label="N, trajectories", precision=0, elem_id="compare-count", min_width=120)
            self.seed = gr.Number(
                label="Seed (empty: any)", value=0, precision=0, elem_id="compare-seed", min_width=120
            )
        self.fields: list[StrategyFields] = []
        with gr.Row():
            for place in range(MOST):
                with gr.Column(min_width=220):
                    label = f"Strategy {place + 1}" if place < 2 else f"Strategy {place + 1} (may be empty)"
                    self.fields.append(StrategyFields.made(label, f"strategy-{place + 1}"))
        for fields in self.fields:
            fields.follow_choice()
        inputs = [self.prompt, self.count, self.seed]
        inputs += [field for fields in self.fields for field in (fields.strategy, fields.settings)]
        draw_and_stop("compare", "Compare", "compare-stop", self.drawn, inputs)

    @property
    def outputs(self) -> list[Any]:
        """See :meth:`opened`."""
        return [self.count, *(part for each in self.fields for part in (each.strategy, each.settings, each.known))]

    def opened(self, offer: Offer) -> list[Any]:
        """Updates of ``outputs`` for a visitor who comes; the third strategy is left to them."""
        third = filled(offer, 2)
        third[0]["value"], third[2] = None, ""
        return [max(offer.usual.strategy.num_trajectories, 2), *filled(offer, 0), *filled(offer, 1), *third]

    async def drawn(
        self, prompt: str, count: float | None, seed: float | None, *fields: str | None
    ) -> AsyncGenerator[Shown]:
        """The page from moment to moment, one strategy after the other, so that their seconds are their own."""
        yield status("drawing …"), gr.skip()
        try:
            asked = requests(prompt, count, seed, list(zip(fields[::2], fields[1::2], strict=True)))
            for one in asked:
                self.service.ready_offer().recipe(one)  # a mistake in the last is told before the first is drawn
            done: list[str] = []
            for one in asked:
                begun = asyncio.get_running_loop().time()
                async with aclosing(drawing(self.service, self.limits, one, _FRAMES)) as coming:
                    async for message in coming:
                        seconds = asyncio.get_running_loop().time() - begun
                        now = await run_sync(self._column, one, message, seconds)
                        yield gr.skip(), _columns([*done, now])
                done.append(now)
            yield status(f"done: {len(done)} strategies on the noise of seed {asked[0].seed}"), _columns(done)
        except (ScalingarError, ApiError) as error:
            yield alert(sentence_of(error)), gr.skip()

    def _column(self, asked: ImagesRequest, message: Frame | Finished, seconds: float) -> str:
        moment = moment_of(self.service, asked, message)
        if isinstance(message, Finished):
            return column(asked, moment, seconds, told=message.warnings)
        return column(asked, moment, seconds, lossy=True)


def requests(
    prompt: str, count: float | None, seed: float | None, chosen: list[tuple[str | None, str | None]]
) -> list[ImagesRequest]:
    """A request per strategy, all of the seed of the first. Raises ApiError."""
    named = [(strategy, settings) for strategy, settings in chosen if strategy]
    if len(named) < 2:
        raise ApiError(400, f"{len(named)} strategies cannot be compared; choose two or three.", param="strategy")
    first = request(prompt, *named[0], count, seed)
    return [first, *(request(prompt, *one, count, first.seed) for one in named[1:])]


def column(
    asked: ImagesRequest, moment: Moment, seconds: float, *, lossy: bool = False, told: Sequence[str] = ()
) -> str:
    """One strategy: what it costs, what is to be told, and its trajectories."""
    assert isinstance(asked.strategy, dict)
    figures = (
        f"<b>{moment.drawn}</b> tokens of {moment.full}, <b>{seconds:.1f}</b> s"
        f"<br>{moment.course.step_name} {moment.position} of {moment.total}"
    )
    if moment.chosen is not None:
        figures += f", trajectory {moment.chosen} is handed out"
    name = words(asked.strategy["name"])
    shown = f"<p>{figures}</p>{notes(told)}{tiles(moment, lossy=lossy)}"
    return f'<section aria-label="{name}"><h2>{name}</h2>{shown}</section>'


def _columns(columns: list[str]) -> str:
    return f'<div class="studio-columns">{"".join(columns)}</div>'
