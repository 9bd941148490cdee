"""The routes."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from secrets import randbelow
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scalingar import __version__
from scalingar.serve.answers import Answer
from scalingar.serve.auth import Door
from scalingar.serve.errors import ApiError
from scalingar.serve.job import Job
from scalingar.serve.limits import Limits
from scalingar.serve.metrics import Metrics
from scalingar.serve.protocol import ANSWER, ImagesRequest, now
from scalingar.serve.service import LiveService
from scalingar.serve.waiting import GONE, ClientGoneError, Inbox, messages, read_body

SEEDS = 2**32
GENERATIONS = "/v1/images/generations"


def build_app(service: LiveService, limits: Limits, door: Door, metrics: Metrics) -> FastAPI:
    """The server's routes over a live batch, which starts and ends with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await asyncio.to_thread(service.close)

    started = now()
    # The pages that would show the schema load their scripts from elsewhere; the schema itself is asked for the key.
    app = FastAPI(
        title="scalingar", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _bug)
    app.add_middleware(Named)

    @app.get("/health")
    async def health() -> Response:
        try:
            offer = service.ready_offer()
        except ApiError as error:
            status = "loading" if service.failure is None else "failed"
            return JSONResponse({"status": status}, error.status, error.headers)
        return JSONResponse({"status": "ready", "model": offer.name})

    @app.get("/metrics")
    async def counts(request: Request) -> Response:
        door.check(request.headers)
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/v1/models")
    async def models(request: Request) -> Response:
        door.check(request.headers)
        model = {"id": service.ready_offer().name, "object": "model", "created": started, "owned_by": "scalingar"}
        return JSONResponse({"object": "list", "data": [model]})

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        door.check(request.headers)
        return JSONResponse(app.openapi())

    asked_for = {"content": {"application/json": {"schema": ImagesRequest.model_json_schema()}}, "required": True}
    answered = {"content": {"application/json": {"schema": ANSWER}}, "description": "Pictures"}

    @app.post(GENERATIONS, openapi_extra={"requestBody": asked_for}, responses={200: answered})
    async def generations(request: Request) -> Response:
        return Counted(lambda send: answer(request, send), metrics)

    async def answer(request: Request, send: Send) -> int:
        """Send the answer; returns its status. Raises ApiError, ClientGoneError."""
        deadline = asyncio.get_running_loop().time() + limits.max_seconds
        door.check(request.headers)
        asked = ImagesRequest.read(await read_body(request, limits.max_body, limits.max_seconds))
        offer = service.ready_offer()
        inbox = Inbox()
        job = Job(
            recipe=offer.recipe(asked),
            prompt=asked.prompt,
            seed=randbelow(SEEDS) if asked.seed is None else asked.seed,
            partial_images=asked.partial_images or 0,
            candidates=bool(asked.return_candidates),
            send=inbox.put,
        )
        coming = messages(service, job, inbox, request.receive, deadline)
        told = Answer(asked, offer.size_name)
        status = 200
        if asked.stream:
            status = await told.stream(coming, send)
        else:
            await (await told.whole(coming))(request.scope, request.receive, send)
        if status == 200:
            metrics.images.inc(asked.n or 1)
        return status

    return app


class Counted(Response):
    """An answer that is made while it is sent, and counted by its status."""

    def __init__(self, make: Callable[[Send], Awaitable[int]], metrics: Metrics) -> None:
        super().__init__()
        self.make, self.metrics = make, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        begun, status = time.perf_counter(), 500
        try:
            status = await self.make(send)
        except ApiError as error:
            status = error.status
            await JSONResponse(error.body, error.status, error.headers)(scope, receive, send)
        except ClientGoneError:
            status = GONE
        finally:
            self.metrics.requests.labels(str(status)).inc()
            self.metrics.seconds.observe(time.perf_counter() - begun)


class Named:
    """Gives every answer an ``x-request-id``, which OpenAI's clients show."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", uuid.uuid4().hex.encode())]
            await send(message)

        await self.app(scope, receive, named)


async def _api_error(request: Request, error: Any) -> Response:
    return JSONResponse(error.body, error.status, error.headers)


async def _http_error(request: Request, error: Any) -> Response:
    told = ApiError(error.status_code, f"{request.method} {request.url.path}: {error.detail}.", code="not_found")
    return JSONResponse(told.body, error.status_code, {**(error.headers or {}), **told.headers})


async def _bug(request: Request, error: Exception) -> Response:
    told = ApiError(500, "the server failed; its log says why.", code="internal_error")
    return JSONResponse(told.body, told.status, told.headers)
