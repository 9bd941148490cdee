"""Benchmarks: prompts, rules, runs and statistics. Nothing below imports from here."""

from scalingar.bench.benchmark import BENCHMARKS, Benchmark
from scalingar.bench.geneval import benchmark as _geneval  # noqa: F401  (registers it)

__all__ = ["BENCHMARKS", "Benchmark"]
