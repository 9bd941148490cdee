"""Run folders for tests: complete ones made up from numbers, and real ones of the tiny pipeline."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scalingar.bench.runs.plan import RunPlan
from scalingar.bench.runs.receipts import Receipt, signed
from scalingar.bench.runs.results import RESULTS, read_results, write_results
from scalingar.bench.runs.store import COSTS, IMAGES, SAMPLES, TRACES
from scalingar.core.outputs import Ledger
from scalingar.core.sampling_config import SamplingConfig
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.profile.signals import signals
from scalingar.strategies import Strategy
from scalingar.strategies.build_strategy import build_strategy
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import plan, runner_of
from tests.tiny.pipes import Defaults, tiny_pipe

GRID, VOCAB = (3, 4), 64
LETTERS = ("entropy", "margin", "K", "deepconf", "log_p", "log_p_null", "C", "I_hat", "D_hat", "B", "s_tok")


def made_up_plan(n: int, images_per_prompt: int, **changes: object) -> RunPlan:
    recipe = Recipe(strategy=build_strategy({"name": "best-of-n", "num_trajectories": n})).resolved(
        Defaults(guidance_scale=3.0, sampling=SamplingConfig())
    )
    return RunPlan.model_validate(
        {
            "benchmark": "made-up",
            "benchmark_version": "1",
            "settings": {},
            "content": {},
            "provenance": {},
            "recipe": recipe,
            "weights": {},
            "images_per_prompt": images_per_prompt,
            "limit": None,
            "max_rows": 8,
            "shard": 3,
            "all_candidates": True,
            "threads": 1,
            "versions": {},
            **changes,
        }
    )


def random_traces(rng: np.random.Generator, images: int, n: int, steps: int) -> dict[str, np.ndarray]:
    """Plausible values of every letter, ``(images, n, steps)`` fp32."""
    shape = (images, n, steps)
    share = {name: rng.random(shape) for name in ("margin", "C", "I_hat", "D_hat", "B", "s_tok")}
    nats = {
        "entropy": rng.random(shape) * np.log(VOCAB),
        "K": rng.lognormal(size=shape),
        "deepconf": rng.random(shape) * 5,
        "log_p": -rng.exponential(size=shape),
        "log_p_null": -rng.exponential(size=shape) - 0.1,
    }
    return {name: values.astype(np.float32) for name, values in {**share, **nats}.items()}


def write_made_up(
    folder: Path,
    points: np.ndarray,
    *,
    traces: Mapping[str, np.ndarray] | None = None,
    rewards: Mapping[str, np.ndarray] | None = None,
    tasks: list[str] | None = None,
    images_per_prompt: int = 1,
    grid: tuple[int, int] = GRID,
    traced: bool = True,
    **changes: object,
) -> Path:
    """A complete run with these points ``(images, n)``; traces are random where they are not given.

    ``traced``: whether they are written; if not, it is as of a next-scale model.
    """
    images, n = points.shape
    steps = grid[0] * grid[1]
    every = {**random_traces(np.random.default_rng(0), images, n, steps), **(traces or {})}
    folder.mkdir(parents=True)
    chart = made_up_plan(n, images_per_prompt, **changes)
    chart.write(folder)
    tasks = tasks or ["one"] * images
    lines = []
    for i in range(images):
        candidates = [
            {
                "index": j,
                "tokens": steps,
                "cut": None,
                "signals": signals({name: values[i, j] for name, values in every.items()}, steps),
                "rewards": {name: float(values[i, j]) for name, values in (rewards or {}).items()},
                "verdict": {"points": float(points[i, j]), "reason": ""},
            }
            for j in range(n)
        ]
        prompt, number = divmod(i, images_per_prompt)
        line = {"id": f"{prompt:03d}", "number": number, "task": tasks[i], "prompt": f"prompt {prompt}", "seed": number}
        line |= {"image": "", "sha256": "", "chosen": 0, "tokens": n * steps, "truncated": {}, "candidates": candidates}
        lines.append({**line, "verdict": {"points": float(points[i, 0]), "total": 1.0, "reason": "", "details": {}}})
    (folder / SAMPLES).write_text("".join(json.dumps(line) + "\n" for line in lines))
    for number, start in enumerate(range(0, images, chart.shard) if traced else ()):
        _write_traces(folder / TRACES / f"{number:05d}.npz", every, slice(start, start + chart.shard), grid)
    sign(folder)
    (folder / RESULTS).write_text("{}")
    return folder


def sign(folder: Path) -> None:
    """Write the costs of a made-up run, with receipts of its lines, of pictures and of the traces that are there."""
    plan, lines = RunPlan.read(folder), (folder / SAMPLES).read_bytes().splitlines(keepends=True)
    costs = []
    for number, start in enumerate(range(0, len(lines), plan.shard)):
        part, traces = lines[start : start + plan.shard], folder / TRACES / f"{number:05d}.npz"
        files = {f"{IMAGES}/{number}.png": b""}
        files |= {f"{TRACES}/{traces.name}": traces.read_bytes()} if traces.exists() else {}
        cost: dict[str, Any] = {
            "shard": number,
            "images": len(part),
            "workers": 1,
            "draw_seconds": 0.0,
            "judge_seconds": 0.0,
        }
        cost |= {"judge_decodes": 0, "ledger": Ledger().to_dict()}
        costs.append(signed(cost, Receipt.of(plan.digest, part, files)))
    (folder / COSTS).write_bytes(b"".join(costs))


def _write_traces(path: Path, every: Mapping[str, np.ndarray], images: slice, grid: tuple[int, int]) -> None:
    path.parent.mkdir(exist_ok=True)
    values = np.stack([every[name][images] for name in LETTERS], axis=2)
    drawn = np.full(values.shape[:2], values.shape[-1])
    buffer = io.BytesIO()
    np.savez(buffer, names=np.array(LETTERS), values=values, drawn=drawn, grid=np.array(grid), vocab_size=VOCAB)
    path.write_bytes(buffer.getvalue())


def decode(
    folder: Path,
    strategy: Strategy,
    *,
    all_candidates: bool = True,
    pipe: ImagePipeline | None = None,
    benchmark: Bright | None = None,
) -> Path:
    """A real run of five prompts and two images each with a tiny pipeline, the next-token one if None is given."""
    pipe = tiny_pipe() if pipe is None else pipe
    chart = plan(pipe, all_candidates=all_candidates, max_rows=8)
    recipe = chart.recipe.model_copy(update={"strategy": strategy})
    benchmark = benchmark or Bright()
    runner = runner_of(pipe, benchmark, chart.model_copy(update={"recipe": recipe}), folder)
    for _ in runner.run():
        pass
    write_results(read_results(folder, benchmark), runner.store)
    return folder
