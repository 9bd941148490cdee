"""Variants of ScalingAR with a fixed guidance scale, which can be replayed on a complete run."""

from collections.abc import Mapping
from typing import Any

from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.core.errors import ConfigError
from scalingar.pipeline.overrides import merged
from scalingar.strategies import ScalingAR
from scalingar.strategies.build_strategy import build_strategy


def termination(run: CompleteRun, settings: Mapping[str, Any]) -> ScalingAR:
    """ScalingAR without its schedule. ``settings`` by dotted names, such as ``gate.quantile``.

    Raises:
        ConfigError: no such setting, a value out of range, or one of the schedule.
    """
    if scheduled := [name for name in settings if name.startswith("guidance")]:
        raise ConfigError(f"{scheduled[0]} changes what is drawn; a complete run cannot tell its outcome, decode it.")
    traced = {f"profile.{name}": getattr(run.profile, name) for name in ("distribution", "deepconf_top_k")}
    base = {"name": "scaling-ar", "num_trajectories": run.trajectories}
    strategy = build_strategy(merged(base, {**traced, "guidance.enabled": False, **settings}))
    assert isinstance(strategy, ScalingAR)
    return strategy
