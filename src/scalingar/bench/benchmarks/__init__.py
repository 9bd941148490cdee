"""Benchmarks: their prompts and how images are scored. No running and no statistics."""
