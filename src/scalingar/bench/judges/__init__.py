"""Who looks at images for a benchmark. Nothing that also chooses images: that would grade itself."""
