"""From a name, file or folder to a family and its files. Formats and loading are the families'."""

from dataclasses import replace

from scalingar.models.embedded.installed_weights import EMBEDDED
from scalingar.models.family import Loaded
from scalingar.models.options import Choice
from scalingar.pipeline.loading.locating import family_of, locate, pinned_name

__all__ = ["EMBEDDED", "family_of", "load"]


def load(choice: Choice) -> Loaded:
    """An embedded model by its name, a file, a folder, or a name on the hub. Raises WeightsError, ConfigError."""
    family, source = locate(choice)
    family.require()
    return replace(family.load(source, choice), hub_name=pinned_name(choice, source))
