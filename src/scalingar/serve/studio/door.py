"""Who may open the page, and which files they may bring."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gradio.utils import get_upload_folder
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from scalingar.core.errors import OutputError
from scalingar.serve.auth import Door
from scalingar.serve.errors import ApiError


class AtTheDoor:
    """Refuses requests under a foreign name, and those that another site's page sends, before the page sees them."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self.app, self.door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            try:
                self.door.check_name(headers)
                _check_origin(headers)
            except ApiError as error:
                await JSONResponse(error.body, error.status, error.headers)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _check_origin(headers: Headers) -> None:
    """Raises ApiError 403 for what a page of another host sends; a proxy passes the host it was asked for on."""
    origin = headers.get("origin")
    asked = headers.get("x-forwarded-host") or headers.get("host", "")
    if origin is not None and urlsplit(origin).netloc != asked:
        raise ApiError(403, "another site's page asks; open the studio by its own address.", code="foreign_origin")


def check_uploads(inputs: Any) -> None:
    """See that what a request names as files was uploaded: neither paths of the server nor addresses of the net.

    Any field's value may be a file in gradio's eyes. It checks paths only in apps that it launched itself, and fetches
    addresses. Raises OutputError.
    """
    parts = inputs.values() if isinstance(inputs, dict) else inputs if isinstance(inputs, list | tuple) else ()
    if isinstance(inputs, dict) and "path" in inputs:
        path, folder = Path(str(inputs["path"])).resolve(), Path(get_upload_folder()).resolve()
        if not path.is_relative_to(folder):
            raise OutputError("this was not uploaded; open a file of your own.")
    for part in parts:
        check_uploads(part)
