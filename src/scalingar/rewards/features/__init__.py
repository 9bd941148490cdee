"""Image features for comparing trajectories, one file each, with weights loaded on use. No scores."""

from scalingar.rewards.features.dinov2 import DINOv2Feature
from scalingar.rewards.features.embedded_feature import EmbeddedFeature
from scalingar.rewards.features.feature import FEATURES, Feature, check_feature, make_feature
from scalingar.rewards.features.pixel_feature import PixelFeature

__all__ = ["FEATURES", "DINOv2Feature", "EmbeddedFeature", "Feature", "PixelFeature", "check_feature", "make_feature"]
