"""Replay: the steps of an image that was made earlier, from its trace or from the recipe in its picture."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import torch
from anyio.to_thread import run_sync

from scalingar.core.errors import ConfigError, OutputError, ScalingarError
from scalingar.core.outputs import Candidate, PromptResult
from scalingar.core.text_file import read_text, reason
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.png import read_recipe
from scalingar.serve.errors import ApiError
from scalingar.serve.job import Finished
from scalingar.serve.limits import Limits
from scalingar.serve.offer import Offer
from scalingar.serve.protocol import ImagesRequest
from scalingar.serve.service import LiveService
from scalingar.serve.studio.board import board
from scalingar.serve.studio.drawing import drawing
from scalingar.serve.studio.fields import check_request
from scalingar.serve.studio.moment import Course, Moment
from scalingar.serve.studio.text import alert, sentence_of, status
from scalingar.serve.studio.trace_file import read_trace

SHELF = 32
"""Opened files that are kept, of all visitors; then the one that was looked at longest ago has to be opened again."""
Opened = tuple[str, Any, Any, Any, Any]


class Shelf:
    """The results of opened files, by a word that only their visitor has."""

    def __init__(self, most: int = SHELF) -> None:
        self._most = most
        self._kept: OrderedDict[str, list[PromptResult]] = OrderedDict()

    def put(self, results: list[PromptResult]) -> str:
        """Keep results; returns their word."""
        word = secrets.token_urlsafe(16)
        self._kept[word] = results
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return word

    def get(self, word: str) -> list[PromptResult]:
        """Raises ConfigError where they are gone."""
        if word not in self._kept:
            raise ConfigError("the file is not open any more; open it again.")
        self._kept.move_to_end(word)
        return self._kept[word]


class Replay:
    """The tab."""

    def __init__(self, service: LiveService, limits: Limits) -> None:
        self.service, self.limits, self.shelf = service, limits, Shelf()
        file = gr.File(
            label="A trace.json, or a picture with its recipe (PNG)",
            file_types=[".json", ".png"],
            type="filepath",
            elem_id="replay-file",
            height=110,
        )
        said = gr.HTML(elem_id="replay-said")
        word = gr.State("")
        image = gr.Dropdown([], label="Image", visible=False, interactive=True, elem_id="replay-image")
        step = gr.Slider(1, 2, 2, step=1, label="Step", visible=False, interactive=True, elem_id="replay-step")
        shown = gr.HTML(elem_id="replay-board")
        opened = gr.on(
            [file.upload],
            self.opened_file,
            [file],
            [said, word, image, step, shown],
            show_progress="hidden",
            api_visibility="private",
        )
        moved: dict[str, Any] = {
            "fn": self.moved,
            "inputs": [word, image, step],
            "outputs": [said, shown],
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        opened.success(**moved)
        step.change(trigger_mode="always_last", **moved)
        image.input(**moved)

    async def opened_file(self, path: str | None) -> AsyncGenerator[Opened]:
        """Read what a visitor brings; an image of a picture is drawn again, which takes as long as it took."""
        nothing = "", gr.update(visible=False), gr.update(visible=False), ""
        if path is None:
            yield "", *nothing
            return
        file = Path(path)
        yield status(f"opening {file.name} …"), *nothing
        try:
            results = await self._results(file)
            word, course = self.shelf.put(results), Course.of(self.service.ready_offer().pipe)
        except (ScalingarError, ApiError) as error:
            yield alert(sentence_of(error).replace(str(file), file.name)), *nothing
            return
        names = [(f"{place + 1}: {result.prompt} (seed {result.seed})", place) for place, result in enumerate(results)]
        yield (
            status(f"{file.name}: {results[0].prompt}"),
            word,
            gr.update(choices=names, value=0, visible=len(names) > 1),
            gr.update(maximum=course.total, value=course.total, visible=True, label=course.step_name.capitalize()),
            gr.skip(),
        )

    async def moved(self, word: str, image: int | None, step: float) -> tuple[str | Any, str | Any]:
        """The trajectories after ``step`` steps."""
        if not word:
            return gr.skip(), gr.skip()
        try:
            return gr.skip(), await self.board_at(word, image or 0, int(step))
        except (ScalingarError, ApiError) as error:
            return alert(sentence_of(error)), gr.skip()

    async def board_at(self, word: str, image: int, step: int) -> str:
        """See :meth:`moved`. Raises ConfigError, ApiError."""
        results = self.shelf.get(word)
        if not 0 <= image < len(results):
            raise ConfigError(f"there is no image {image} in this file; it has {len(results)}.")
        pipe = self.service.ready_offer().pipe
        moment = Moment.at(results[image], max(0, step), Course.of(pipe))
        # One at a time: others' images wait for no more than a picture, and who leaves has no more of them made.
        pictured = [
            await asyncio.wrap_future(self.service.between_steps(partial(_with_picture, one, pipe)))
            for one in moment.candidates
        ]
        return await run_sync(board, replace(moment, candidates=pictured))

    async def _results(self, file: Path) -> list[PromptResult]:
        if file.suffix.lower() == ".png":
            asked = await run_sync(picture_request, file, self.service.ready_offer())
            async with aclosing(drawing(self.service, self.limits, asked, frames=0)) as coming:
                async for message in coming:
                    if isinstance(message, Finished):
                        return message.output.results
        try:
            text = await run_sync(read_text, file)
        except (OSError, ValueError) as error:
            raise OutputError(f"cannot read {file}: {reason(error)}; open a trace.json or a PNG.") from None
        results = await run_sync(read_trace, text, self.service.ready_offer().pipe, file.name)
        for result in results:
            self._check(result, file)
        return results

    def _check(self, result: PromptResult, file: Path) -> None:
        """Raises ConfigError: more trajectories were begun than an image of this server may have alive."""
        begun = sum(one.parent is None for one in result.candidates)
        if begun > self.limits.max_rows:
            raise ConfigError(
                f"an image of {file.name} began {begun} trajectories; this server takes at most {self.limits.max_rows}."
            )


def picture_request(file: Path, offer: Offer) -> ImagesRequest:
    """The request that draws a picture again.

    Raises:
        ScalingarError: it holds no recipe, or one of another model or noise. ApiError.
    """
    info = read_recipe(file)
    info.check_weights(offer.pipe.hashes, file)
    recipe, usual = info.recipe, offer.usual
    if recipe.noise != usual.noise:
        raise ConfigError(f"{file} was drawn with noise of the {recipe.noise}, and here it is the {usual.noise}'s.")
    values = recipe.to_dict()
    asked = check_request(
        {
            "prompt": recipe.prompt or "",
            "seed": recipe.seed + info.image,
            "strategy": values["strategy"],
            "guidance_scale": values["guidance_scale"],
            "sampling": values["sampling"],
        }
    )
    if recipe.strategy.needs().verified:
        verifier = offer.pipe.verifier_of(offer.recipe(asked).strategy)  # refused unless the server was started with it
        assert verifier is not None
        info.check_verifier(verifier, file)
    return asked


def _with_picture(candidate: Candidate, pipe: ImagePipeline) -> Candidate:
    """With the picture of what it has drawn, made once for what stays as it is."""
    if candidate.image is None:
        with torch.inference_mode():
            candidate.image = pipe.preview(candidate)
    return candidate
