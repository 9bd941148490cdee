"""The interface and registry of judges, which answer questions about an image with yes or no."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image
from pydantic import Field

from scalingar.bench.judges.questions.wording import Wording
from scalingar.core.errors import BenchmarkError
from scalingar.core.registry import Registry
from scalingar.core.settings import Settings


class JudgeSettings(Settings):
    """Which judge is asked, and how."""

    kind: str = Field("openai-compatible", description="name of the judge")
    model: str = Field(description="pinned id, such as gpt-4o-2024-08-06: unpinned ones change without notice")
    base_url: str | None = Field(None, description="of the endpoint; None: OpenAI's")
    temperature: float = Field(0.0, ge=0, le=2)
    wording: Wording | None = Field(None, description="system message and templates; None: the judge's own")
    attempts: int = Field(3, ge=1, description="calls per image before giving up on an answer that cannot be read")
    timeout: float = Field(120.0, gt=0, le=3600, description="seconds that a request may take")
    cache: Path | None = Field(None, description="folder of answers; None: the user's cache folder")


@dataclass(frozen=True)
class Answers:
    """One answer per question, the name of the model as it reports it, and the text of its reply."""

    yes: tuple[bool, ...]
    model: str
    text: str


class UnansweredError(BenchmarkError):
    """The judge was asked about an image and gave no answer, such as a refusal. The image counts as unanswered."""


class Judge(Protocol):
    """Answers questions about one image.

    What it needs, such as a key or weights, may be looked for in a method ``prepare()``, which is called before images
    are drawn; a run is read without it.
    """

    @property
    def name(self) -> str:
        """The model and its endpoint; printed with every score."""

    def __call__(self, image: Image.Image, questions: Sequence[str]) -> Answers:
        """Raises UnansweredError without a readable answer about this image, BenchmarkError if it cannot be asked."""


JUDGES: Registry[Callable[[JudgeSettings], Judge]] = Registry("judges")


def load_judge(settings: JudgeSettings) -> Judge:
    """The judge that ``settings`` name. Raises ConfigError for one that does not exist."""
    return JUDGES[settings.kind](settings)


def prepare_judge(judge: Judge) -> None:
    """Call its method ``prepare``, if it has one. Raises ConfigError, WeightsError."""
    if (own := getattr(judge, "prepare", None)) is not None:
        own()
