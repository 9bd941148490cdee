"""Pictures as the text of an answer."""

import base64
import io
import os
from pathlib import Path
from typing import Any

from PIL import Image

from scalingar.pipeline.model_choice import ModelChoice
from scalingar.pipeline.recipe import Recipe

BEST = 100


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
    shown = {key: _name(value) if isinstance(value, str) else value for key, value in settings.items()}
    texts = {key: value for key, value in recipe.strategy if isinstance(value, str)}
    names = {key: _name(value) for key, value in texts.items()}
    update: dict[str, Any] = {}
    if shown != settings:
        update["model"] = ModelChoice.from_dict(shown)
    if names != texts:
        update["strategy"] = recipe.strategy.model_copy(update=names)
    return recipe.model_copy(update=update) if update else recipe


def _name(value: str) -> str:
    """A path's last part, also behind the colon of ``name:source``; other values as they are."""
    head, colon, source = ("", "", value) if Path(value).exists() else value.partition(":")
    local = (os.sep in source or source.startswith("~")) and Path(source).expanduser().exists()
    return f"{head}{colon}{Path(source).name}" if local else value
