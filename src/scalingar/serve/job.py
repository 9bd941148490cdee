"""One request on its way: what it asks of the live batch, and what comes back."""

from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image

from scalingar.core.outputs import Candidate, PromptResult
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.recipe import Recipe
from scalingar.serve.errors import ApiError


@dataclass(frozen=True)
class Partial:
    """A picture on its way: number ``index`` of those that were asked for."""

    index: int
    image: Image.Image


@dataclass(frozen=True)
class Frame:
    """All trajectories of an image on their way, each with the picture of what it has drawn.

    ``position``: steps that the image's furthest trajectory has made, of ``total``.
    """

    candidates: list[Candidate]
    position: int
    total: int


@dataclass(frozen=True)
class Finished:
    """All images of a request.

    ``drawn``: tokens of all trajectories. ``prompt_tokens``: places that the model reads the prompt in. ``warnings``:
    sentences on what was read or drawn otherwise than it was asked for.
    """

    output: ImageOutput
    drawn: int
    prompt_tokens: int
    warnings: list[str] = field(default_factory=list)


Message = Partial | Frame | Finished | ApiError
"""The last one is neither a :class:`Partial` nor a :class:`Frame`."""


@dataclass(frozen=True)
class Kind:
    """What all images of a live batch have in common: the number of branches, and whether hidden states are read."""

    branches: int
    states: bool


@dataclass(eq=False)
class Job:
    """A request in the service; the worker alone changes it.

    ``recipe``: resolved. ``seed``: of the first image. ``partial_images``: pictures of its leading trajectory, and
    ``frames`` of all of them, on the way to a picture. ``candidates``: picture every trajectory at the end.
    ``send``: takes messages, from the worker's thread.
    ``numbers``: of its images in the engine. ``begun``: one of them has rows.
    """

    recipe: Recipe
    prompt: str
    seed: int
    partial_images: int
    candidates: bool
    send: Callable[[Message], None]
    frames: int = 0
    begun: bool = False
    numbers: list[int] = field(default_factory=list)
    results: dict[int, PromptResult] = field(default_factory=dict)
    prompt_tokens: int = 0
    warnings: list[str] = field(default_factory=list)
    shown: int = 0
    stepped: int = 0
    ended: dict[tuple[int, int], Image.Image] = field(default_factory=dict)
    """Pictures of trajectories that have ended, by image and index: they are made once."""

    def wants_picture(self, drawn: int, total: int) -> bool:
        """Whether the next partial picture is due after ``drawn`` of ``total`` steps: they come at equal distances."""
        due = self.shown + 1
        return due <= self.partial_images and drawn < total and drawn * (self.partial_images + 1) >= due * total

    def wants_frame(self, total: int) -> bool:
        """Whether the next frame is due after one more step; an image has ``total``, or more if it draws in waves."""
        self.stepped += 1
        return self.frames > 0 and self.stepped % max(1, total // self.frames) == 0
