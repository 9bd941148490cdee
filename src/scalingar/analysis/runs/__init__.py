"""Finished runs as arrays. No analysis."""
