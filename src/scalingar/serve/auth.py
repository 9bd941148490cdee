"""Who may ask: a key, or only this machine."""

import hmac
import ipaddress
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from scalingar.core.errors import ConfigError
from scalingar.core.text_file import read_text, reason
from scalingar.serve.errors import ApiError

VARIABLE = "SCALINGAR_API_KEY"
"""Of the environment."""
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


def read_key(file: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The key that requests must bring, from a file or the environment; None: there is none.

    Raises:
        ConfigError: both say one, the file cannot be read, or what they hold is no key.
    """
    given = environment.get(VARIABLE)
    if file is not None and given is not None:
        raise ConfigError(f"--api-key-file and {VARIABLE} both give a key; leave one of them out.")
    if file is None and given is None:
        return None
    source, text = VARIABLE, given or ""
    if file is not None:
        try:
            source, text = str(file), read_text(file)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"cannot read the key in {file}: {reason(error)}; give a text file with the key."
            ) from None
    key = text.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"{source} holds no key; write one word of ASCII letters and digits.")
    return key


def is_local(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_exposure(host: str, key: str | None, *, no_auth: bool) -> None:
    """Raises ConfigError for a server that others could use without a key, unless that is wanted."""
    if key is not None and no_auth:
        raise ConfigError("--no-auth lets everybody in, and there is a key; leave one of them out.")
    if key is None and not no_auth and not is_local(host):
        raise ConfigError(
            f"host {host} can be reached from other machines, and there is no key; set {VARIABLE} or --api-key-file, "
            "or let everybody in with --no-auth."
        )


class Door:
    """Checks each request.

    Without a key only requests to this machine's own names are answered, unless ``no_auth``: a page in somebody's
    browser can reach a local server under a name of its own.
    """

    def __init__(self, key: str | None, *, no_auth: bool) -> None:
        self._key = None if key is None else _digest(key)
        self._no_auth = no_auth

    @property
    def locked(self) -> bool:
        """Whether there is a key."""
        return self._key is not None

    def knows(self, name: str, key: str) -> bool:
        """Whether somebody of any ``name`` brings the key."""
        # Digests are of one length, and compared in constant time.
        return self._key is not None and hmac.compare_digest(self._key, _digest(key.strip()))

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises ApiError 401, or 403 for a foreign name."""
        if self.locked:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if not self.knows("", given) or scheme.lower() != "bearer":
                raise ApiError(401, "the API key is missing or wrong.", code="invalid_api_key")
        else:
            self.check_name(headers)

    def check_name(self, headers: Mapping[str, str]) -> None:
        """Raises ApiError 403 where there is no key and this machine is asked under a foreign name."""
        if not self.locked and not self._no_auth:
            host = headers.get("host", "")
            name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
            if name not in LOCAL_NAMES:
                raise ApiError(403, "this server has no key and answers to this machine only.", code="not_local")


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()
