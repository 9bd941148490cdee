"""A model behind any endpoint that speaks OpenAI's chat protocol: OpenAI itself, vLLM, and others."""

import base64
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from scalingar.core.chat.bounded_client import bounded_client, in_time
from scalingar.core.errors import EndpointError
from scalingar.core.pixels import png_bytes, rgb
from scalingar.core.secrets import struck

_REFUSED = re.compile(r"content.?(?:policy|filter|management)|moderation|safety|responsible.?ai", re.IGNORECASE)
"""Errors that are about what an image shows, not about the request."""

Messages = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Reply:
    """What came back.

    ``text``: of the completion, empty if the model said nothing; None for a body that is no completion.
    ``model``: its name as the endpoint gives it. ``completion``: the object of the library, None if there is none.
    """

    text: str | None
    model: str
    completion: Any = None


class RejectedError(EndpointError):
    """The endpoint answers, and says that something is wrong with this request."""


class ChatEndpoint:
    """Sends messages to one model; a request ends in time, and no message about it shows a secret."""

    def __init__(self, model: str, base_url: str | None, timeout: float, client: Any = None) -> None:
        """``client``: an ``openai.OpenAI``; None: one that is made when it is first needed.

        ``base_url``: None: that of the variable OPENAI_BASE_URL, else OpenAI's.
        """
        self.model = model
        self.base_url = base_url or os.environ.get("OPENAI_BASE_URL") or None
        self.timeout = timeout
        if client is not None:
            self.client = client

    @cached_property
    def client(self) -> Any:
        """The ``openai.OpenAI``. Raises ConfigError without a key: see :func:`bounded_client`."""
        return bounded_client(self.base_url, self.timeout)

    @property
    def address(self) -> str | None:
        """The base URL without secrets; None: OpenAI's."""
        return None if self.base_url is None else struck(self.base_url)

    @property
    def name(self) -> str:
        """Model and address."""
        return self.model if self.address is None else f"{self.model} at {self.address}"

    def ask(self, messages: Messages, **request: Any) -> Reply:
        """One completion. What the endpoint will not look at is a reply that says so.

        Raises:
            RejectedError: the endpoint takes no such request. EndpointError: it cannot be reached, or not in time.
            ConfigError, PackageError: there is no client: see :func:`bounded_client`.
        """
        create = self.client.chat.completions.create  # first, since it says what is missing
        from openai import BadRequestError, OpenAIError, UnprocessableEntityError  # noqa: PLC0415

        try:
            reply = in_time(self.timeout, lambda: create(model=self.model, messages=messages, **request))
        except (OpenAIError, TimeoutError) as error:
            if _REFUSED.search(f"{getattr(error, 'code', '')} {error}"):
                return Reply(str(error), self.model)
            rejected = isinstance(error, BadRequestError | UnprocessableEntityError)
            raise (RejectedError if rejected else EndpointError)(
                f"{self.shown(str(error), 200).rstrip('. ')}."
            ) from None
        except (ValueError, TypeError, AttributeError, RecursionError):
            return Reply(None, "")  # the library does not expect a body of another kind
        return Reply(completion_text(reply), str(getattr(reply, "model", "")), reply)

    def shown(self, text: str, length: int = 80) -> str:
        """The beginning of what a server says, without secrets and without signs that a terminal would obey."""
        password = urlsplit(self.base_url or "").password
        plain = struck(text, (str(getattr(self.client, "api_key", "") or ""), password or ""))
        return "".join(sign if sign.isprintable() else " " for sign in " ".join(plain.split()))[:length]


def completion_text(reply: Any) -> str | None:
    """The text of a completion, empty if the model said nothing; None for something else than a completion."""
    try:
        if reply.choices is None:  # an error, though its status says that all is well
            return None
        if not reply.choices:
            return ""
        message = reply.choices[0].message
        content = message.content or getattr(message, "refusal", None) or ""
    except (AttributeError, IndexError, KeyError, TypeError):
        return None
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else getattr(part, "text", None) for part in content]
        content = "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else None


def first_messages(image: Image.Image, prompt: str, system: str) -> list[dict[str, Any]]:
    """A system message, and one of the user with a text and a picture."""
    url = f"data:image/png;base64,{base64.b64encode(png_bytes(rgb(image))).decode()}"
    content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "system", "content": system}, {"role": "user", "content": content}]
