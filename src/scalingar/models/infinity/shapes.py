"""The sizes of Infinity's releases, by the names of their files."""

import re

from scalingar.models.family import Release
from scalingar.models.infinity.config import InfinityConfig
from scalingar.models.infinity.schedules import infinity_schedule
from scalingar.models.infinity.transformer import Infinity
from scalingar.models.shape import Shape, count_parameters

_SIZE = re.compile(r"infinity_(125M|2B|8B)_", re.IGNORECASE)


def infinity_shape(release: Release, preset: str) -> Shape:
    """Of a release, for square pictures of a size preset. Keys and values of the text are left out."""
    named = _SIZE.search(str(release.file))
    assert named is not None  # all of this family's have one
    config = InfinityConfig.published(named[1].upper())
    schedule = infinity_schedule(1.0, preset)
    return Shape(
        scales=schedule.scales,
        next_scale=True,
        parameters=count_parameters(lambda: Infinity(config, schedule)),
        condition_tokens=0,
        cached=2 * config.layers * config.dim,
    )
