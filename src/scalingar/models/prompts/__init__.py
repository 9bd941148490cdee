"""Prompt encoders of the published text-to-image models: cleaning, T5, a cache on disk."""
