"""Building a benchmark from its name and settings."""

from collections.abc import Mapping
from typing import Any

import torch

from scalingar.bench.benchmark import BENCHMARKS, Benchmark


def build_benchmark(name: str, settings: Mapping[str, Any], *, device: str | torch.device = "cpu") -> Benchmark:
    """Read a benchmark's data, and make its judge; networks run in fp32.

    Raises:
        ConfigError: no such benchmark or setting. BenchmarkError, WeightsError: data or weights are missing.
    """
    kind = BENCHMARKS[name]
    return kind.build(kind.settings.from_dict(settings), device=device, dtype=torch.float32)
