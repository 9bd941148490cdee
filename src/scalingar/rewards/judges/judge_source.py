"""What follows the colon of a reward that asks a model: ``MODEL?key=value&key=value``."""

from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, field_validator

from scalingar.core.errors import ConfigError
from scalingar.core.files import expanded
from scalingar.core.secrets import struck
from scalingar.core.settings import Settings

Chosen = TypeVar("Chosen", bound="JudgeOptions")


class JudgeOptions(Settings):
    """Which model is asked, and about what."""

    model: str = Field(min_length=1, description="its name or folder")
    questions: Path | None = Field(None, description="file of questions by prompt; None: one, whether it is shown")

    @field_validator("questions")
    @classmethod
    def _with_home(cls, path: Path | None) -> Path | None:
        return None if path is None else expanded(path)

    @classmethod
    def of(cls, name: str, source: str | None) -> Self:
        """The options of the reward ``name:source``. Raises ConfigError: no model, or an option that there is not."""
        model, _, rest = (source or "").partition("?")
        if not model:
            raise ConfigError(f"the reward {name} needs a model to ask; write {name}:MODEL, see docs/rewards.md.")
        pairs = [part.partition("=") for part in rest.split("&") if part]
        keys = [key for key, _, _ in pairs]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise ConfigError(f"the reward {name}:{model} has {twice[0]} twice; leave one of them out.")
        try:
            return cls.from_dict({"model": model} | {key: value for key, _, value in pairs})
        except ConfigError as error:
            raise ConfigError(f"the reward {name}:{model}: {error}") from None


class LocalOptions(JudgeOptions):
    """Of a model that runs here."""

    dtype: Literal["float32", "bfloat16", "float16", "auto"] | None = Field(
        None, description="of the network; auto: as its weights are stored; None: float32 on the CPU, auto elsewhere"
    )
    batch: int | None = Field(None, ge=1, description="pictures per pass; None: 1 on the CPU, 8 elsewhere")


class EndpointOptions(JudgeOptions):
    """Of a model behind an endpoint."""

    base_url: str | None = Field(None, description="of the endpoint; None: OPENAI_BASE_URL, or OpenAI's")
    samples: int = Field(5, ge=1, le=100, description="replies drawn where the endpoint gives no probabilities")
    parallel: int = Field(8, ge=1, le=256, description="requests under way at once")
    timeout: float = Field(120.0, gt=0, le=3600, description="seconds that a request may take")
    cache: Path | None = Field(None, description="folder of answers; None: the user's cache folder")

    @field_validator("cache")
    @classmethod
    def _cache_with_home(cls, path: Path | None) -> Path | None:
        return None if path is None else expanded(path)

    @field_validator("base_url")
    @classmethod
    def _no_secret(cls, url: str | None) -> str | None:
        """The name of a reward stands in recipes and in pictures."""
        if url is not None and struck(url) != url:
            raise ValueError("must hold no user, password or key, since recipes show it; set OPENAI_API_KEY")
        return url
