"""Drawing an image in the server's live batch, for somebody who watches."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.types import Message as HttpMessage

from scalingar.core.pixels import png_bytes
from scalingar.pipeline.run_folder import run_dict, sheet_png
from scalingar.serve.errors import ApiError
from scalingar.serve.job import Finished, Frame, Job, Partial
from scalingar.serve.limits import Limits
from scalingar.serve.protocol import ImagesRequest
from scalingar.serve.service import LiveService
from scalingar.serve.studio.moment import Course, Moment
from scalingar.serve.waiting import Inbox, messages

FRAMES = 24
"""Moments shown of a next-token image, at equal distances; a next-scale image has one per scale."""


async def drawing(
    service: LiveService, limits: Limits, asked: ImagesRequest, frames: int = FRAMES
) -> AsyncGenerator[Frame | Finished]:
    """Moments of an image and its end. Its rows are freed when nobody asks for the next.

    Raises:
        ApiError: it is not offered, too many wait, drawing failed, or takes too long.
    """
    inbox = Inbox()
    assert asked.seed is not None  # the page says which it took
    job = Job(
        recipe=service.ready_offer().recipe(asked),
        prompt=asked.prompt,
        seed=asked.seed,
        partial_images=0,
        candidates=False,
        send=inbox.put,
        frames=frames,
    )
    deadline = asyncio.get_running_loop().time() + limits.max_seconds
    async with aclosing(messages(service, job, inbox, _stays, deadline)) as coming:
        async for message in coming:
            if isinstance(message, ApiError):
                raise message
            if not isinstance(message, Partial):
                yield message


async def _stays() -> HttpMessage:
    """A visitor who leaves closes the generator; no other message tells of it."""
    return await asyncio.Future()


def moment_of(service: LiveService, asked: ImagesRequest, message: Frame | Finished) -> Moment:
    """What a message shows."""
    course = Course.of(service.ready_offer().pipe)
    if isinstance(message, Finished):
        return Moment.end(message.output.results[0], course)
    assert asked.seed is not None
    return Moment(asked.prompt, asked.seed, message.candidates, message.position, message.total, course)


def files_of(finished: Finished) -> dict[str, bytes]:
    """What ``scalingar generate`` leaves of an image, and its recipe."""
    output = finished.output
    (result,), (picture,) = output.results, output.pictures
    return {
        "image.png": png_bytes(picture),
        "sheet.png": sheet_png(output, result),
        "trace.json": json.dumps(run_dict(output, steps=True)).encode(),
        "recipe.yaml": output.infos[0].recipe.to_yaml().encode(),
    }
