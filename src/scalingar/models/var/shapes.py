"""The sizes of VAR's transformers; those of releases by the names of their files."""

from pathlib import Path

from scalingar.models.family import Release
from scalingar.models.shape import Shape, count_parameters
from scalingar.models.var.config import VARConfig
from scalingar.models.var.transformer import VAR


def var_shape(release: Release) -> Shape:
    """Of a release, ``var_d16.pth`` to ``var_d36.pth``."""
    return shape_by_config(VARConfig.published(Path(str(release.file)).stem.removeprefix("var_")))


def shape_by_config(config: VARConfig) -> Shape:
    """Of a transformer. Keys and values of words, which the trajectories of a prompt share, are left out."""
    return Shape(
        scales=tuple((side, side) for side in config.sides),
        next_scale=True,
        parameters=count_parameters(lambda: VAR(config)),
        condition_tokens=0,
        cached=2 * config.layers * config.dim,
    )
