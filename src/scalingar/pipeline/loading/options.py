"""What the caller asked for besides the model."""

from dataclasses import dataclass
from pathlib import Path

import torch

from scalingar.core.errors import ConfigError
from scalingar.models.prompts.encoders import PromptEncoder


@dataclass(frozen=True, kw_only=True)
class Options:
    """What ``from_pretrained`` was told; see there."""

    variant: str | None = None
    tokenizer: str | Path | None = None
    text_encoder: str | Path | PromptEncoder | None = None
    clean_caption: bool = True
    grid: tuple[int, int] | None = None
    image_size: int | None = None
    aspect_ratio: float | None = None
    heads: int | None = None
    collapse_prefix: bool | None = None
    compile: bool = False
    device: str | torch.device = "cpu"
    dtype: torch.dtype = torch.float32

    def refuse(self, model: str | Path, *names: str) -> None:
        """Raises ConfigError if one of these options is set, because ``model`` has no use for it."""
        for name in names:
            if getattr(self, name) is not None:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; {model} has no use for it, leave it out.")
