"""Loading options, which mean the same in every family that accepts them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from scalingar.core.errors import ConfigError


@dataclass(frozen=True)
class Option:
    """One loading option: unset, or a value of ``type``, not None."""

    name: str
    type: Any
    description: str


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A model and its loading options.

    ``options``: those that were set, by the names of :func:`scalingar.models.family.model_options`; None is unset.
    ``device``, ``dtype``: of the transformer and the text encoder; the image tokenizer always runs in fp32.
    """

    name: str | Path = "embedded"
    device: str | torch.device = "cpu"
    dtype: torch.dtype = torch.float32
    options: Mapping[str, Any] = field(default_factory=dict)

    def get(self, option: Option) -> Any:
        """The value, or None if it is unset."""
        return self.options.get(option.name)

    def check(self, accepted: Iterable[Option], model: str) -> None:
        """Raises ConfigError for a set option that is not ``accepted``; ``model`` names the model in the message."""
        names = [option.name for option in accepted]
        for name, value in self.options.items():
            if value is not None and name not in names:
                known = f"its options are {', '.join(names)}" if names else "it has no options"
                raise ConfigError(f"{name} is {value!r}; {model} has no use for it, {known}.")


VARIANT = Option("variant", str, "which model of a repository, or of a folder of official files")
TOKENIZER = Option(
    "tokenizer", str | Path, "file or folder of the image tokenizer, where it is not beside the transformer"
)
TEXT_ENCODER = Option(
    "text_encoder",
    str | Path,
    "folder or hub name of the T5 encoder; in Python also a function that reads prompts in its place",
)
CLEAN_CAPTION = Option(
    "clean_caption", bool, "clean captions as in training (the default); off for text that should be drawn literally"
)
NEGATIVE_PROMPT = Option(
    "negative_prompt", str, "what the image should not show: the unconditional branch reads it in place of its own"
)
GRID = Option("grid", tuple[int, int], "rows and columns of codes, for weights that do not say it")
IMAGE_SIZE = Option(
    "image_size", int, "side of a square image in pixels; of another aspect ratio it has as many pixels"
)
ASPECT_RATIO = Option("aspect_ratio", float | str, "width over height, as a number or as 'w:h' such as '4:3'")
HEADS = Option("heads", int, "attention heads of a transformer of unpublished width")
COLLAPSE_PREFIX = Option(
    "collapse_prefix", bool, "keep one cache slot per prompt; by default in fp32, where the model allows it"
)
COMPILE = Option(
    "compile",
    bool,
    "torch.compile the decoding step: a minute of waiting, then faster steps, whose logits differ by rounding",
)

CUDA_GRAPHS = Option(
    "cuda_graphs",
    bool,
    "decode by captured CUDA graphs on caches of fixed length (the default on CUDA); off launches every kernel",
)
DIFFUSION_STEPS = Option("diffusion_steps", int, "denoising steps of a picture's diffusion part; 50 if unset")
PREVIEW_STEPS = Option("preview_steps", int, "denoising steps of a look at a preview; 10 if unset")

_MOST = 60.0
"""No image is this wide or tall."""


def width_and_height(aspect_ratio: float | str) -> tuple[float, float]:
    """Sides in proportion, of a positive number (width over height) or of ``"w:h"``. Raises ConfigError."""
    sides: list[float]
    try:
        sides = [float(side) for side in str(aspect_ratio).split(":")]
    except ValueError:
        sides = []
    width, height = (*sides, 1.0)[:2] if len(sides) in (1, 2) else (0.0, 0.0)
    if not (width > 0 and height > 0 and 1 / _MOST < width / height < _MOST):
        raise ConfigError(
            f"aspect_ratio is {aspect_ratio!r}; width over height must be a positive number such as 1.5, or sides such "
            "as 4:3."
        )
    return width, height
