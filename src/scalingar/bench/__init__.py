"""Benchmarks: prompts, rules, runs and statistics. Nothing below imports from here."""

from scalingar.bench.benchmark import BENCHMARKS, Benchmark
from scalingar.bench.benchmarks import ipv_txt, tiif
from scalingar.bench.benchmarks.geneval import geneval
from scalingar.bench.benchmarks.prompts import prompts
from scalingar.bench.benchmarks.t2i_compbench import t2i_compbench

__all__ = ["BENCHMARKS", "Benchmark", "geneval", "ipv_txt", "prompts", "t2i_compbench", "tiif"]
