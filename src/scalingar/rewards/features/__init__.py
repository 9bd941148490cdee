"""Image features, by which trajectories are compared, one file each; weights are loaded on use. No scores."""

from scalingar.rewards.features.dinov2 import DINOv2Feature
from scalingar.rewards.features.embedded_feature import EmbeddedFeature
from scalingar.rewards.features.feature import FEATURES, CodeFeature, Feature, check_feature, make_feature
from scalingar.rewards.features.latent_feature import LatentFeature
from scalingar.rewards.features.pixel_feature import PixelFeature

__all__ = [
    "FEATURES",
    "CodeFeature",
    "DINOv2Feature",
    "EmbeddedFeature",
    "Feature",
    "LatentFeature",
    "PixelFeature",
    "check_feature",
    "make_feature",
]
