"""Answers to a request for images: one JSON object, or a stream of events."""

import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from anyio.to_thread import run_sync
from PIL import Image
from starlette.responses import JSONResponse, Response
from starlette.types import Send

from scalingar.core.outputs import Candidate, PromptResult
from scalingar.serve.errors import ApiError
from scalingar.serve.job import Finished, Message, Partial
from scalingar.serve.pictures import encoded, without_path
from scalingar.serve.protocol import ImagesRequest, described, event, now, usage

_EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]


class Answer:
    """Turns a request's messages into its answer; pictures are written outside of the event loop."""

    def __init__(self, asked: ImagesRequest, size: str) -> None:
        self.asked, self.size = asked, size

    async def whole(self, coming: AsyncGenerator[Message]) -> Response:
        """The answer to a request without a stream. Raises ApiError."""
        async with aclosing(coming):
            finished = await anext(coming)
            if isinstance(finished, ApiError):
                raise finished
            assert isinstance(finished, Finished)
            data = await run_sync(self._data, finished)
        return JSONResponse(
            {
                "created": now(),
                **described(self.asked, self.size),
                "data": data,
                "usage": usage(finished.prompt_tokens, finished.drawn),
                "warnings": finished.warnings,
            }
        )

    async def stream(self, coming: AsyncGenerator[Message], send: Send) -> int:
        """Send events until the last; returns 200, or the status of the error that ended them.

        An error before the first event is raised, later it is an event of its own.
        """
        async with aclosing(coming):
            begun, status = False, 200
            try:
                async for message in coming:
                    if isinstance(message, ApiError):
                        raise message
                    if not begun:
                        await send({"type": "http.response.start", "status": 200, "headers": _EVENTS})
                        begun = True
                    body = await run_sync(self._event, message)
                    await send({"type": "http.response.body", "body": body, "more_body": True})
            except ApiError as error:
                if not begun:
                    raise
                status = error.status
                await send({"type": "http.response.body", "body": event("error", error.body), "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        return status

    def _event(self, message: Message) -> bytes:
        told: dict[str, Any] = {"created_at": now(), **described(self.asked, self.size)}
        if isinstance(message, Partial):
            kind = "image_generation.partial_image"
            picture = {"b64_json": self._text(message.image), "partial_image_index": message.index}
            return event(kind, {"type": kind, **picture, **told})
        assert isinstance(message, Finished)  # no request asks for frames
        kind = "image_generation.completed"
        (picture,) = self._data(message)
        told |= {"usage": usage(message.prompt_tokens, message.drawn), "warnings": message.warnings}
        return event(kind, {"type": kind, **picture, **told})

    def _data(self, finished: Finished) -> list[dict[str, Any]]:
        output = finished.output
        return [
            {
                "b64_json": self._text(picture),
                "seed": result.seed,
                **({"candidates": self._candidates(result)} if self.asked.return_candidates else {}),
            }
            for picture, result in zip(output.pictures, output.results, strict=True)
        ]

    def _candidates(self, result: PromptResult) -> list[dict[str, Any]]:
        return [self._candidate(candidate, chosen=result.chosen) for candidate in result.candidates]

    def _candidate(self, candidate: Candidate, *, chosen: int) -> dict[str, Any]:
        return {
            "index": candidate.index,
            "chosen": candidate.index == chosen,
            "fate": candidate.fate,
            "tokens": candidate.drawn,
            "parent": candidate.parent,
            "rewards": {without_path(name): value for name, value in candidate.rewards.items()},
            "signals": {name: value for name, value in candidate.signals.items() if math.isfinite(value)},
            "b64_json": None if candidate.image is None else self._text(candidate.image),
        }

    def _text(self, image: Image.Image) -> str:
        return encoded(image, self.asked.format, self.asked.output_compression)
