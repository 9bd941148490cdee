"""Models that judge images for a benchmark. None that strategies choose images with: it would grade itself."""
