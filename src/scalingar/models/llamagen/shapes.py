"""The sizes of LlamaGen's and AR-GRPO's transformers; those of releases by the names of their files."""

import re

from scalingar.models.family import Release
from scalingar.models.llamagen.config import SIZES, LlamaGenConfig
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.shape import Shape, count_parameters

_SIZE = re.compile(rf"(?:c2i|t2i)_({'|'.join(SIZES)})_", re.IGNORECASE)


def llamagen_shape(release: Release) -> Shape:
    """Of a release; those without a size in their name are text models, of which only XL was published."""
    name = f"{release.repo}/{release.file or ''}_"
    named = _SIZE.search(name)
    assert release.grid is not None  # all of this family's have one
    text = "t2i" in name.lower()
    size = "XL" if named is None else named[1].upper()
    return shape_by_config(LlamaGenConfig.published(size, release.grid, "text" if text else "class"))


def shape_by_config(config: LlamaGenConfig) -> Shape:
    """Of a transformer."""
    return Shape(
        scales=(config.grid,),
        next_scale=False,
        parameters=count_parameters(lambda: LlamaGen(config)),
        condition_tokens=config.condition_tokens,
        cached=2 * config.layers * config.dim,
    )
