"""A client of OpenAI's protocol whose requests end: in time, and within a number of bytes."""

import os
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import urlsplit

from scalingar.core.errors import ConfigError
from scalingar.core.packages import require
from scalingar.core.secrets import struck
from scalingar.core.validation import shown

T = TypeVar("T")

MOST_BYTES = 2**22
"""Of a reply, which holds a few lines."""
CONNECT_SECONDS = 10.0
_TRANSPORT_RETRIES = 5
"""Attempts by the client, with growing pauses, when the endpoint is busy or cannot be reached."""
_LONGEST_REASON = 200
_WHOLE = 3
"""Times a request's own limit: how long a question may take, with all further attempts."""


def bounded_client(base_url: str | None, timeout: float) -> Any:
    """An ``openai.OpenAI`` without compression and redirects.

    ``timeout``: seconds for a whole request; connecting may take ten of them. A server that sends a byte now and then
    keeps no request alive.

    Raises:
        ConfigError: the address or the key cannot be one, there is no key, variables of the environment name proxies or
            certificates that cannot be used, or the package openai is not installed.
    """
    require("asking a judge", "judge")
    _check_address(base_url)
    _check_key(os.environ.get("OPENAI_API_KEY", ""))
    from httpx2 import Response, SyncByteStream  # noqa: PLC0415
    from openai import DefaultHttpxClient, OpenAI, OpenAIError, Timeout  # noqa: PLC0415

    class Bounded(SyncByteStream):
        """A reply's bytes, until there are too many or it is too late."""

        def __init__(self, stream: Any) -> None:
            self.stream, self.ends = stream, time.monotonic() + timeout

        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for chunk in self.stream:
                size += len(chunk)
                if size > MOST_BYTES:
                    raise OpenAIError(f"its reply is longer than {MOST_BYTES} bytes.")
                if time.monotonic() > self.ends:
                    raise OpenAIError(f"its reply took longer than {timeout:g} seconds.")
                yield chunk

        def close(self) -> None:
            self.stream.close()

    def bound(response: Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise OpenAIError("it sends compressed replies, which nobody asked for.")
        response.stream = Bounded(response.stream)

    limits = Timeout(timeout, connect=min(CONNECT_SECONDS, timeout))
    try:
        return OpenAI(
            base_url=base_url,
            max_retries=_TRANSPORT_RETRIES,
            timeout=limits,
            default_headers={"Accept-Encoding": "identity"},
            http_client=DefaultHttpxClient(timeout=limits, follow_redirects=False, event_hooks={"response": [bound]}),
        )
    except OpenAIError:
        raise ConfigError("a judge needs a key: set OPENAI_API_KEY (for a server of your own, to any text).") from None
    except Exception as error:  # the client raises anything: ImportError, OSError, ValueError, its own
        reason = " ".join(struck(str(error)).split())[:_LONGEST_REASON].rstrip(".")
        raise ConfigError(
            f"a judge cannot be asked from here: {reason}; look at the variables HTTP_PROXY, HTTPS_PROXY, ALL_PROXY "
            "and SSL_CERT_FILE."
        ) from None


def _check_address(base_url: str | None) -> None:
    if base_url is None:
        return
    try:
        parts = urlsplit(base_url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
    if not whole or any(sign.isspace() for sign in base_url):
        raise ConfigError(
            f"base_url={shown(struck(base_url))} is no address of a server; write one such as http://localhost:8000/v1."
        )


def _check_key(key: str) -> None:
    """A line feed at the end of a file, or the letters of another key on the keyboard, would fail as a bad server."""
    if not (key.isascii() and key.isprintable()):
        raise ConfigError("OPENAI_API_KEY holds a letter that no key has, such as a line feed; set it again.")


def in_time(timeout: float, ask: Callable[[], T]) -> T:
    """What ``ask`` returns or raises, within the time that a question may take. Raises TimeoutError.

    What is late goes on in a thread that nobody waits for: looking up a name, or a header that comes byte by byte, have
    no limit of their own.
    """
    results: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def attempt() -> None:
        try:
            results.put((ask(), None))
        except BaseException as error:  # raised again by the one who waits
            results.put((None, error))

    Thread(target=attempt, daemon=True).start()
    try:
        answer, error = results.get(timeout=_WHOLE * timeout)
    except Empty:
        raise TimeoutError(f"no reply within {_WHOLE * timeout:g} seconds.") from None
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]
