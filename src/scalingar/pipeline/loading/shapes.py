"""The sizes of a model by its name, without its weights."""

from scalingar.core.errors import ConfigError
from scalingar.models import options
from scalingar.models.family import FAMILIES
from scalingar.models.options import Choice
from scalingar.models.shape import Shape
from scalingar.models.weights.hub import split_name
from scalingar.pipeline.loading.locating import own_folder, variant_of


def shape_of(choice: Choice) -> Shape:
    """The sizes of an embedded model or a model folder, or the published ones of a release.

    Raises:
        ConfigError: they are not known without the weights. WeightsError: the folder is damaged.
    """
    if (own := own_folder(choice.name)) is not None:
        family, source = own
        return family.sizes(source.transformer.parent)
    parts = split_name(str(choice.name))
    for family in [] if parts is None else [FAMILIES[name] for name in FAMILIES]:
        if parts is not None and parts[0] in family.releases and family.shape is not None:
            release = variant_of(family, parts[0], choice.get(options.VARIANT) or parts[1])
            return family.shape(release)
    known = [name for name in FAMILIES if FAMILIES[name].shape is not None]
    raise ConfigError(
        f"the sizes of {choice.name} are not known without its weights; --estimate knows the embedded models, folders "
        f"of 'scalingar convert' and the releases of {', '.join(known)}, such as FoundationVision/LlamaGen:t2i-xl-256 "
        "('scalingar ls models' lists them)."
    )
