"""From a name, file or folder to a family and its files. Formats and loading are the families'."""

from scalingar.models.embedded.installed_weights import EMBEDDED
from scalingar.models.family import Loaded
from scalingar.models.options import Choice
from scalingar.pipeline.loading.locating import family_of, locate

__all__ = ["EMBEDDED", "family_of", "load"]


def load(choice: Choice) -> Loaded:
    """An embedded model by its name, a file, a folder, or a name on the hub. Raises WeightsError, ConfigError."""
    family, source = locate(choice)
    return family.load(source, choice)
