"""Errors in the form that OpenAI's clients read."""

import logging
from collections.abc import Mapping
from typing import Any

from scalingar.core.errors import (
    DecodingError,
    EndpointError,
    OutputError,
    PackageError,
    PromptError,
    ScalingarError,
    WeightsError,
)

INVALID, SERVER = "invalid_request_error", "server_error"
FAILED = "decoding_failed"
LOG = logging.getLogger("scalingar.serve")


class ApiError(Exception):
    """An answer that is not a picture.

    ``param``: the field of the request that is wrong. ``code``: a short name of what is wrong. ``retry_after``:
    seconds after which another try makes sense; None: it makes none.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code, self.retry_after = status, message, param, code, retry_after

    @property
    def body(self) -> dict[str, Any]:
        """As JSON."""
        kind = SERVER if self.status >= 500 else "rate_limit_error" if self.status == 429 else INVALID
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    @property
    def headers(self) -> Mapping[str, str]:
        """Whether and when to try again: clients of OpenAI would repeat every failure of a server twice."""
        if self.retry_after is None:
            return {"x-should-retry": "false"}
        return {"retry-after": str(self.retry_after), "x-should-retry": "true"}


_SECTIONS = ("sampling", "guidance_scale", "strategy")
_OF_THE_SERVER = (EndpointError, OutputError, PackageError, WeightsError)
"""Requests name no file and no address: what is wrong with one is told to the log alone."""


def of_package(error: ScalingarError) -> ApiError:
    """A sentence of this package as an answer: some kinds are the server's own, everything else the request's fault."""
    message = str(error)
    if isinstance(error, _OF_THE_SERVER):
        LOG.error("%s", message)
        return ApiError(
            500, "something that this server draws or judges with failed; its log says what.", code="server_failed"
        )
    if isinstance(error, DecodingError):
        return ApiError(500, message, code=FAILED)
    if isinstance(error, PromptError):
        param: str | None = "prompt"
    else:
        param = next((name for name in _SECTIONS if message.startswith(name)), None)
        param = param or ("strategy" if "strateg" in message else None)
    return ApiError(400, message, param=param, code="invalid_value")
