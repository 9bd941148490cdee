"""Starting the server from settings."""

import socket
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import Field

from scalingar.core.errors import ConfigError
from scalingar.core.packages import missing, require
from scalingar.core.text_file import reason
from scalingar.pipeline.recipe import Recipe
from scalingar.serve.app import build_app
from scalingar.serve.auth import Door, check_exposure, read_key
from scalingar.serve.limits import Limits
from scalingar.serve.loading import load_offer
from scalingar.serve.metrics import Metrics
from scalingar.serve.service import LiveService
from scalingar.strategies.build_strategy import strategy_name

GRACE = 5
"""Seconds that requests have to end when the server is told to."""


class ServerSettings(Limits):
    """Where the server listens, whom it answers, and its limits."""

    host: str = Field("127.0.0.1", min_length=1, description="address to listen at; other machines reach 0.0.0.0")
    port: int = Field(8000, ge=0, le=65535, description="0 takes a free one")
    name: str | None = Field(None, min_length=1, description="of the model in requests")
    rewards: tuple[str, ...] = Field((), description="that requests may name, beside the model's own")
    api_key_file: Path | None = Field(None, description="file of the key that requests must bring")
    no_auth: bool = Field(False, description="answer other machines without a key")
    studio: bool = Field(True, description="show the page at /, where gradio is installed")
    runs: Path | None = Field(None, description="folder of runs that the page's visitors may look through")

    @property
    def limits(self) -> Limits:
        """The limits alone."""
        return Limits(**{name: getattr(self, name) for name in Limits.model_fields})


def serve(recipe: Recipe, settings: Mapping[str, Any], *, check: bool = False) -> None:
    """Serve the model of a recipe until the process is told to end; the recipe says how images are drawn.

    ``settings``: of :class:`ServerSettings`. ``check``: load everything and listen, but stop then.

    Raises:
        ScalingarError: a setting is wrong, the address is taken, or the model cannot be loaded.
    """
    server = Server(recipe, ServerSettings.from_dict(settings))
    server.run(check=check)
    if server.service.failure is not None:
        raise server.service.failure


class Server:
    """A server with its sockets; ``url``: where clients find it; ``page_url``: of the studio, None without it."""

    def __init__(self, recipe: Recipe, settings: ServerSettings) -> None:
        """Raises ConfigError: it would be open to everybody, the address is taken, or runs lack the page for them."""
        if settings.runs is not None:
            if not settings.studio:
                raise ConfigError("--runs are shown by the studio; leave --runs or --no-studio out.")
            require("the studio, which shows --runs,", "studio")
        key = read_key(settings.api_key_file)
        check_exposure(settings.host, key, no_auth=settings.no_auth)
        self.socket = listening(settings.host, settings.port)
        limits = settings.limits
        metrics = Metrics()
        load = partial(load_offer, recipe, limits, settings.rewards, settings.name)
        self.service = LiveService(load, limits.max_queue, metrics)
        door = Door(key, no_auth=settings.no_auth)
        app = build_app(self.service, limits, door, metrics)
        page = settings.studio and not missing("studio")
        if page:
            from scalingar.serve.studio.app import mount, studio_page  # noqa: PLC0415  takes gradio, which is slow

            mount(app, studio_page(self.service, limits, settings.runs), door)
        config = uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=GRACE)
        self._uvicorn = uvicorn.Server(config)
        host, port = self.socket.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
        self.page_url = self.url.removesuffix("v1") if page else None

    def run(self, *, check: bool = False) -> None:
        """Until the process is told to end, or :meth:`stop`; or until the model is loaded, or cannot be.

        ``check``: stop once it is loaded.
        """
        telling = threading.Thread(target=self._tell, kwargs={"check": check}, daemon=True)
        telling.start()
        self._uvicorn.run(sockets=[self.socket])
        self.socket.close()
        if self.service.loaded.is_set():
            telling.join()

    def stop(self) -> None:
        """From any thread."""
        self._uvicorn.should_exit = True

    def _tell(self, *, check: bool) -> None:
        """Say when it is ready; a server without a model ends."""
        self.service.loaded.wait()
        offer = self.service.offer
        if offer is not None:
            limits = offer.limits
            print(
                f"serving {offer.name}, {offer.size_name}, at {self.url}: {strategy_name(offer.usual.strategy)} of "
                f"{offer.usual.strategy.num_trajectories} trajectories, at most {limits.max_rows} alive",
                flush=True,
            )
            if self.page_url is not None:
                print(f"the studio is at {self.page_url}", flush=True)
        if offer is None or check:
            self.stop()


def listening(host: str, port: int) -> socket.socket:
    """A socket at this address. Raises ConfigError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"cannot listen at {host}, port {port}: {reason(error)}; choose another.") from None
