"""What images look like, as rows of numbers: for telling trajectories apart. One file per kind, loaded when used."""

from scalingar.features.base import FEATURES, Feature, check_feature, make_feature
from scalingar.features.dinov2 import DINOv2Feature
from scalingar.features.embedded import EmbeddedFeature
from scalingar.features.pixels import PixelFeature

__all__ = ["FEATURES", "DINOv2Feature", "EmbeddedFeature", "Feature", "PixelFeature", "check_feature", "make_feature"]
