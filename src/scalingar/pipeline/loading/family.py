"""How a model decodes, told without loading it, for defaults that depend on it."""

from pathlib import Path

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import ScalingarError
from scalingar.models.weights.hub import release, split_name
from scalingar.models.weights.parts import ModelFamily, find_parts
from scalingar.pipeline.loading.model_folder import PIPELINE, read_info
from scalingar.pipeline.loading.own_models import EMBEDDED

_NEXT_TOKEN: tuple[ModelFamily, ...] = ("llamagen",)


def family_of(model: str) -> Decoding:
    """Of a name, file or folder as :func:`scalingar.pipeline.loading.load` takes it.

    "next-token" where nothing is known or nothing is there: loading has the words for that.
    """
    if model in EMBEDDED:
        return EMBEDDED[model]
    try:
        family = _told(model)
    except (ScalingarError, OSError):
        return "next-token"
    return "next-token" if family in (None, *_NEXT_TOKEN) else "next-scale"


def _told(model: str) -> str | None:
    """The family's name; None for what no table and no file here knows. Raises what reading raises."""
    place = Path(model).expanduser()
    if (place / PIPELINE).is_file():
        return read_info(place).family
    if place.exists():
        return None if (place / "config.json").is_file() else find_parts(place).family
    name = split_name(model)
    known = None if name is None or name[1] is None else release(*name)
    return None if known is None else known.model_family
