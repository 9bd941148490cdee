"""Pictures as the text of an answer."""

import base64
import io
import os
import re
from pathlib import Path
from typing import Any

from PIL import Image

from scalingar.pipeline.model_choice import ModelChoice
from scalingar.pipeline.recipe import Recipe

BEST = 100
_PARTS = re.compile(r"([:?&=,*])")


def encoded(image: Image.Image, kind: str, compression: int | None) -> str:
    """Base64 of a file of this kind; a PNG holds the recipe if the image does."""
    buffer = io.BytesIO()
    if kind == "png":
        image.save(buffer, "PNG")
    else:
        plain = image.convert("RGB")
        plain.save(buffer, kind.upper(), quality=BEST if compression is None else compression)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def without_paths(recipe: Recipe) -> Recipe:
    """The recipe as others may see it: of files and folders of this machine only their own names."""
    model = recipe.model
    fixed = {name: getattr(model, name) for name in type(model).model_fields}
    settings = {**fixed, **model.options}
    shown = {key: without_path(value) if isinstance(value, str) else value for key, value in settings.items()}
    texts = {key: value for key, value in recipe.strategy if isinstance(value, str)}
    names = {key: without_path(value) for key, value in texts.items()}
    update: dict[str, Any] = {}
    if shown != settings:
        update["model"] = ModelChoice.from_dict(shown)
    if names != texts:
        update["strategy"] = recipe.strategy.model_copy(update=names)
    return recipe.model_copy(update=update) if update else recipe


def without_path(value: str) -> str:
    """A path's last part; also of each part of ``name:source?option=value``, and of a rank sum's terms."""
    if Path(value).exists():
        return Path(value).name
    return "".join(_last_part(part) for part in _PARTS.split(value))


def _last_part(part: str) -> str:
    local = part.startswith((os.sep, "~")) or (os.sep in part and Path(part).exists())
    return Path(part).name if local else part
