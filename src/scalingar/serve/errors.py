"""Errors in the form that OpenAI's clients read."""

from collections.abc import Mapping
from typing import Any

from scalingar.core.errors import DecodingError, PromptError, ScalingarError

INVALID, SERVER = "invalid_request_error", "server_error"


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


def of_package(error: ScalingarError) -> ApiError:
    """A sentence of this package as an answer: decoding breaks down here, everything else is the request's fault."""
    message = str(error)
    if isinstance(error, DecodingError):
        return ApiError(500, message, code="decoding_failed")
    if isinstance(error, PromptError):
        param: str | None = "prompt"
    else:
        param = next((name for name in _SECTIONS if message.startswith(name)), None)
        param = param or ("strategy" if "strateg" in message else None)
    return ApiError(400, message, param=param, code="invalid_value")
