"""Building a benchmark from its name and settings."""

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import ValidationError

from scalingar.bench.benchmark import BENCHMARKS, Benchmark
from scalingar.core.errors import ConfigError
from scalingar.core.validation import sentence


def build_benchmark(name: str, settings: Mapping[str, Any], *, device: str | torch.device = "cpu") -> Benchmark:
    """Load a benchmark's data and its judge; networks run in fp32.

    Raises:
        ConfigError: no such benchmark or setting. BenchmarkError, WeightsError: data or weights are missing.
    """
    kind = BENCHMARKS[name]
    try:
        validated = kind.settings.model_validate(dict(settings))
    except ValidationError as error:
        raise ConfigError(sentence(error, kind.settings)) from None
    return kind.build(validated, device=device, dtype=torch.float32)
