"""Benchmarks: prompts, rules, runs and statistics. Nothing below imports from here."""

from scalingar.bench import ipv_txt, t2i_compbench, tiif
from scalingar.bench.benchmark import BENCHMARKS, Benchmark
from scalingar.bench.geneval import benchmark as geneval

__all__ = ["BENCHMARKS", "Benchmark", "geneval", "ipv_txt", "t2i_compbench", "tiif"]
