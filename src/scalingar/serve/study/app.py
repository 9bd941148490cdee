"""The routes of a study's page."""

import sqlite3
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from scalingar.bench.study.answers import AnswerStore, Progress
from scalingar.bench.study.study import Study
from scalingar.core.errors import BenchmarkError, OutputError
from scalingar.serve.auth import Door
from scalingar.serve.errors import ApiError
from scalingar.serve.protocol import json_of
from scalingar.serve.waiting import GONE, ClientGoneError, read_body

MOST_BODY = 4096
"""Bytes of a request."""
MOST_SECONDS = 60
"""Until all of it is there."""
MOST_PEOPLE = 10_000
"""Participants of a study: whoever opens the page becomes one."""
_PAGE = {"": "text/html", "study.css": "text/css", "study.js": "text/javascript"}
"""Files of the page by their path; the first is ``study.html``."""
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""Nothing comes from elsewhere, and nothing is kept that could tell a picture again."""


def build_app(folder: Path, study: Study, store: AnswerStore, door: Door) -> FastAPI:
    """The page of the study in ``folder``. What it tells of a picture is its hidden name and its pixels, and of a
    question its number in the study, whose questions are in random order.
    """
    app = FastAPI(title="scalingar study", openapi_url=None, docs_url=None, redoc_url=None)
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(ClientGoneError, _gone)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _bug)
    known = study.pictures

    @app.get("/")
    @app.get("/{name}")
    async def page(name: str = "") -> Response:
        if name not in _PAGE:
            raise HTTPException(404, "Not Found")
        content = files(__package__).joinpath("page", name or "study.html").read_bytes()
        return Response(content, headers=_HEADERS, media_type=_PAGE[name])

    @app.get("/pictures/{name}")
    async def picture(name: str, request: Request) -> Response:
        door.check(request.headers)
        if name not in known:
            raise HTTPException(404, "Not Found")
        try:
            content = await run_sync(study.picture(folder, name).read_bytes)
        except OSError:
            told = f"the picture {name} is missing or cannot be read; tell those who run the study."
            raise ApiError(404, told, code="no_picture") from None
        return Response(content, headers=_HEADERS, media_type="image/png")

    @app.post("/participants")
    async def participants(request: Request) -> Response:
        await _read(request, door, {})
        code = await run_sync(lambda: _told(lambda: store.enter(MOST_PEOPLE)))
        return JSONResponse({"code": code}, headers=_HEADERS)

    @app.post("/next")
    async def following(request: Request) -> Response:
        asked = await _read(request, door, {"code": str})
        progress = await run_sync(lambda: _told(lambda: store.progress(asked["code"])))
        return JSONResponse(described(progress), headers=_HEADERS)

    @app.post("/answers")
    async def answers(request: Request) -> Response:
        told = await _read(request, door, {"code": str, "question": int, "value": int, "reasons": list})
        progress = await run_sync(lambda: _told(lambda: store.answer(**told)))
        return JSONResponse(described(progress), headers=_HEADERS)

    return app


def described(progress: Progress) -> dict[str, Any]:
    """What the page is told: nothing of runs, strategies and sides."""
    told: dict[str, Any] = {"done": progress.done, "total": progress.total, "question": None}
    if progress.shown is not None:
        shown = progress.shown
        told |= {"question": shown.number, "kind": shown.question.kind, "prompt": shown.question.prompt}
        told["pictures"] = list(shown.pictures)
    return told


def _told(call: Any) -> Any:
    """Errors of the store as answers."""
    try:
        return call()
    except BenchmarkError as error:
        raise ApiError(400, str(error), code="invalid_answer") from None
    except (OutputError, sqlite3.Error, OSError):
        raise ApiError(500, "the answer could not be written; tell those who run the study.", code="not_kept") from None


async def _read(request: Request, door: Door, fields: Mapping[str, type]) -> dict[str, Any]:
    """The body of a request, a JSON object of just these fields. Raises ApiError, ClientGoneError."""
    door.check(request.headers)
    told = json_of(await read_body(request, MOST_BODY, MOST_SECONDS))
    right = isinstance(told, dict) and set(told) == set(fields)
    if not right or not all(_is(told[name], kind) for name, kind in fields.items()):
        raise ApiError(400, f"the body must be an object of {', '.join(fields) or 'nothing'}.", code="invalid_value")
    return dict(told)


def _is(value: Any, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(part, str) for part in value)
    return isinstance(value, kind) and not isinstance(value, bool)


async def _api_error(request: Request, error: Any) -> Response:
    return JSONResponse(error.body, error.status, {**error.headers, **_HEADERS})


async def _gone(request: Request, error: Any) -> Response:
    """Nobody hears it."""
    return Response(status_code=GONE)


async def _http_error(request: Request, error: Any) -> Response:
    told = ApiError(error.status_code, f"{request.method} {request.url.path}: {error.detail}.", code="not_found")
    return JSONResponse(told.body, error.status_code, {**(error.headers or {}), **_HEADERS})


async def _bug(request: Request, error: Exception) -> Response:
    told = ApiError(500, "the server failed; its log says why.", code="internal_error")
    return JSONResponse(told.body, told.status, _HEADERS)
