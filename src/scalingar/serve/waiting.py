"""Waiting for a request's body and for its messages, as long as its client does."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from scalingar.serve.errors import ApiError
from scalingar.serve.job import Frame, Job, Message, Partial
from scalingar.serve.service import LiveService

GONE = 499
"""The status under which a request whose client went away is counted."""


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


async def read_body(request: Request, most: int, seconds: float) -> bytes:
    """The body of a request. Raises ApiError: it is no JSON, too large, or does not come; ClientGoneError."""
    # A page of another site cannot send this type without being asked first.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "the body must be JSON, of content type application/json.", code="invalid_content_type")
    too_large = ApiError(413, f"the body is larger than {most} bytes.", code="too_large")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise ApiError(408, "the body did not come in time.", code="timeout") from None
    except ClientDisconnect:
        raise ClientGoneError from None
    return b"".join(parts)


class Inbox:
    """Messages from the worker's thread, for a coroutine."""

    def __init__(self) -> None:
        self._loop, self._queue = asyncio.get_running_loop(), asyncio.Queue[Message]()

    def put(self, message: Message) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the server has closed
            self._loop.call_soon_threadsafe(self._queue.put_nowait, message)

    async def get(self) -> Message:
        """The next one."""
        return await self._queue.get()


async def messages(
    service: LiveService, job: Job, inbox: Inbox, receive: Receive, deadline: float
) -> AsyncGenerator[Message]:
    """Submit a request and give its messages; however this ends, its rows are freed.

    ``deadline``: by the loop's clock.

    Raises:
        ApiError: the server takes no more, or the time is over. ClientGoneError.
    """
    service.submit(job)
    gone = asyncio.create_task(_disconnected(receive))
    coming: asyncio.Task[Message] | None = None
    try:
        while True:
            coming = asyncio.create_task(inbox.get())
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            await asyncio.wait({coming, gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                message = coming.result()
                yield message
                if not isinstance(message, Partial | Frame):
                    return
            elif gone.done():
                raise ClientGoneError
            else:
                raise ApiError(504, "the request took longer than this server allows.", code="timeout")
    finally:
        service.cancel(job)
        gone.cancel()
        if coming is not None:
            coming.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
