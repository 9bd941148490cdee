"""The results of a run, computed from its files, in memory and as ``results.json``.

The schema of ``results.json`` is described in docs/benchmarks.md; ``SCHEMA`` changes with it.
"""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from scalingar.bench.benchmark import Benchmark, Judged, Summary, Verdict, check_judged, score_table
from scalingar.bench.runs.parts.part import check_no_part
from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.store import RESULTS, RunStore
from scalingar.bench.statistics import ScoreTable, ratio
from scalingar.core.errors import BenchmarkError
from scalingar.core.outputs import Ledger
from scalingar.core.text_file import lines_of
from scalingar.rewards import REWARDS, eyes

SCHEMA = "scalingar.bench/1"


@dataclass(frozen=True)
class RunResults:
    """The results of a complete run."""

    folder: Path
    plan: RunPlan
    samples: list[dict[str, Any]]
    judged: list[Judged]
    summary: Summary
    costs: dict[str, Any]
    graders: frozenset[str] = frozenset()
    """What looked at the images: see :attr:`~scalingar.bench.benchmark.Benchmark.graders`."""

    @property
    def name(self) -> str:
        """The folder's name, which is the strategy's label."""
        return self.folder.name

    @property
    def table(self) -> ScoreTable:
        """Points per prompt, for paired comparisons."""
        return score_table(self.judged)

    @property
    def flattered(self) -> bool:
        """Whether what chose the images also judged them."""
        reward = self.plan.recipe.strategy.needs().reward
        known = reward is not None and reward.partition(":")[0] in REWARDS
        return known and bool(eyes(str(reward)) & self.graders)

    @property
    def measures(self) -> dict[str, dict[str, Any]]:
        """Estimates of further scores by name."""
        return {name: asdict(measure.estimate) for name, measure in self.summary.measures.items()}

    def to_dict(self) -> dict[str, Any]:
        """The content of ``results.json``."""
        return {
            "schema": SCHEMA,
            "label": self.summary.label,
            "name": self.name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "plan": self.plan.model_dump(mode="json"),
            "hardware": hardware(),
            "scores": {
                "overall": asdict(self.summary.overall),
                "tasks": {task: asdict(estimate) for task, estimate in self.summary.tasks.items()},
                **({"measures": self.measures} if self.summary.measures else {}),
                **self.summary.further,
            },
            "costs": self.costs,
        }


def read_results(folder: Path, benchmark: Benchmark) -> RunResults:
    """Read a run's folder.

    Raises:
        BenchmarkError: it holds no run or a part of one, images or costs are missing, or the benchmark asks something
            else now.
    """
    plan = RunPlan.read(folder)
    plan.check_content(benchmark, folder)
    store = RunStore(folder)
    samples, shards = store.samples(), store.costs()
    items = plan.items(list(benchmark.items()))
    by_id = {item.id: item for item in items}
    judged = [
        Judged(by_id[line["id"]], line["number"], Verdict(**line["verdict"])) for line in samples if line["id"] in by_id
    ]
    if len(samples) < len(items) * plan.images_per_prompt:
        check_no_part(folder)
    check_judged(items, judged, plan.images_per_prompt, folder)
    timed = sum(shard["images"] for shard in shards)
    if plan.derived_from is None and timed != len(samples):
        raise BenchmarkError(f"{folder} has the costs of {timed} images of {len(samples)}; resume it with 'bench run'.")
    summary = benchmark.summary(judged)
    return RunResults(folder, plan, samples, judged, summary, costs(samples, shards), benchmark.graders)


def costs(samples: Sequence[dict[str, Any]], shards: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Total and mean costs; None for what was not measured.

    Seconds per image are seconds of the machine: those of a shard that ran beside ``workers - 1`` others are divided by
    ``workers``. Their standard error is over shards, None for a single one. The ledger is the sum over all shards.
    """
    ledger = Ledger()
    for shard in shards:
        ledger.add(Ledger(**{key: value for key, value in shard["ledger"].items() if key != "total_seconds"}))
    images = len(samples)
    drawn, judged = (
        [shard[f"{what}_seconds"] / shard.get("workers", 1) for shard in shards] for what in ("draw", "judge")
    )
    sizes = [shard["images"] for shard in shards]
    timed = sum(sizes)
    return {
        "images": images,
        "tokens_per_image": sum(line["tokens"] for line in samples) / max(1, images),
        "seconds_per_image": sum(drawn) / timed if timed else None,
        "seconds_per_image_error": ratio(np.array(drawn), np.array(sizes, float)).standard_error if timed else None,
        "judge_seconds_per_image": sum(judged) / timed if timed else None,
        "ledger": ledger.to_dict() if shards else None,
    }


def write_results(results: RunResults, store: RunStore) -> None:
    """Write ``results.json``. Raises OutputError."""
    store.write(RESULTS, (json.dumps(results.to_dict(), indent=1, allow_nan=False) + "\n").encode())


def hardware() -> dict[str, Any]:
    """The properties of this machine that decide timings."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = lines_of(cpuinfo.read_text()) if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "machine": platform.machine(),
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
    }
