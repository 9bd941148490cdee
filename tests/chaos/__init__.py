"""Benchmarks that are killed again and again: ``make chaos``. Slow, so only a small part is a test."""
