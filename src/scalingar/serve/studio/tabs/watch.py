"""Watch: an image's trajectories fill in while they are drawn."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import gradio as gr
from anyio.to_thread import run_sync

from scalingar.core.errors import ScalingarError
from scalingar.serve.errors import ApiError
from scalingar.serve.job import Finished
from scalingar.serve.limits import Limits
from scalingar.serve.offer import Offer
from scalingar.serve.protocol import ImagesRequest
from scalingar.serve.service import LiveService
from scalingar.serve.studio.asking import Shown, StrategyFields, draw_and_stop, filled, has_own_count
from scalingar.serve.studio.board import board
from scalingar.serve.studio.drawing import drawing, files_of, moment_of
from scalingar.serve.studio.fields import request, usual_name
from scalingar.serve.studio.moment import Moment
from scalingar.serve.studio.text import SIDE, alert, data_url, links, notes, sentence_of, status, words


class Watch:
    """The tab. ``outputs``: what ``opened`` fills once the model is there."""

    def __init__(self, service: LiveService, limits: Limits) -> None:
        self.service, self.limits = service, limits
        self.prompt = gr.Textbox(label="Prompt", placeholder="a photo of a red apple left of a dog", elem_id="prompt")
        with gr.Row():
            with gr.Column(scale=2, min_width=200):
                self.fields = StrategyFields.made("Strategy", "strategy")
            self.count = gr.Number(label="N, trajectories", precision=0, elem_id="count", min_width=120)
            self.seed = gr.Number(label="Seed (empty: any)", value=0, precision=0, elem_id="seed", min_width=120)
        self.fields.follow_choice(self.count)
        inputs = [self.prompt, self.fields.strategy, self.fields.settings, self.count, self.seed]
        draw_and_stop("watch", "Draw", "stop", self.drawn, inputs)

    @property
    def outputs(self) -> list[Any]:
        """See :meth:`opened`."""
        fields = self.fields
        return [fields.strategy, fields.settings, fields.known, self.count]

    def opened(self, offer: Offer) -> list[Any]:
        """Updates of ``outputs`` for a visitor who comes."""
        count = offer.usual.strategy.num_trajectories
        return [*filled(offer), gr.update(value=count, interactive=not has_own_count(usual_name(offer)))]

    async def drawn(
        self, prompt: str, strategy: str | None, settings: str, count: float | None, seed: float | None
    ) -> AsyncGenerator[Shown]:
        """The page from moment to moment."""
        yield status("drawing …"), gr.skip()
        try:
            asked = request(prompt, strategy, settings, count, seed)
            async with aclosing(drawing(self.service, self.limits, asked)) as coming:
                async for message in coming:
                    yield await run_sync(self._page, asked, message)
        except (ScalingarError, ApiError) as error:
            yield alert(sentence_of(error)), gr.skip()

    def _page(self, asked: ImagesRequest, message: Any) -> Shown:
        moment = moment_of(self.service, asked, message)
        if not isinstance(message, Finished):
            return gr.skip(), board(moment, lossy=True)  # a picture that comes after a stop does not deny it
        files = files_of(message)
        told = status(f"done: trajectory {moment.chosen} is handed out") + notes(message.warnings)
        return told, result(files["image.png"], moment) + links(files) + board(moment)


def result(picture: bytes, moment: Moment) -> str:
    """The picture that is handed out, as it is."""
    width, height = moment.size
    kind = "large" if max(width, height) > SIDE else "small"
    source, alt = data_url(picture, "image/png"), words(moment.prompt)
    return f'<figure class="studio-result"><img class="{kind}" width="{width}" alt="{alt}" src="{source}"></figure>'
