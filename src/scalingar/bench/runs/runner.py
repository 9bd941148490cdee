"""Draws and judges the images of a plan, shard by shard, so that a killed run loses at most one shard."""

import hashlib
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from threading import Lock
from typing import Any

import numpy as np

from scalingar.bench.benchmark import Benchmark, Verdict
from scalingar.bench.runs.plan import Job, RunPlan
from scalingar.bench.runs.store import COSTS, IMAGES, SAMPLES, TRACES, RunStore
from scalingar.bench.runs.workers import Stopped, in_order
from scalingar.core.errors import BenchmarkError
from scalingar.core.outputs import Candidate, PromptResult
from scalingar.core.pixels import png_bytes
from scalingar.core.threads import torch_threads
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.report.plain import plain_number

Line = dict[str, Any]


@dataclass(frozen=True)
class ShardDone:
    """Progress: ``images`` of ``total`` are complete."""

    images: int
    total: int


@dataclass(frozen=True)
class _Shard:
    """Results of one shard, to be written in order."""

    number: int
    lines: list[Line]
    cost: Line
    traces: bytes | None


class _StoppedError(Exception):
    """The run was stopped."""


@dataclass
class Runner:
    """One plan with all it needs. ``workers``: shards that are computed at once; no byte depends on it."""

    pipe: ImagePipeline
    benchmark: Benchmark
    plan: RunPlan
    store: RunStore
    workers: int = 1
    _judging: Lock = field(default_factory=Lock, init=False, repr=False)

    def run(self) -> Iterator[ShardDone]:
        """Compute the remaining shards; finished ones are kept. Raises BenchmarkError, DecodingError, OutputError."""
        jobs = self.plan.jobs(list(self.benchmark.items()))
        done = self.store.open(self.plan)
        if done > len(jobs):
            raise BenchmarkError(f"{self.store.folder} holds {done} images of {len(jobs)}; choose another folder.")
        yield ShardDone(done, len(jobs))
        shards = list(enumerate(self.plan.shards(jobs)))
        left = shards[done // self.plan.shard :] if done < len(jobs) else []
        with torch_threads(self.plan.threads):
            for shard in in_order(self._shard, left, workers=self.workers, threads=self.plan.threads):
                end = min((shard.number + 1) * self.plan.shard, len(jobs))
                self._write(shard, skip=max(0, done - shard.number * self.plan.shard))
                yield ShardDone(end, len(jobs))

    def _write(self, shard: _Shard, skip: int) -> None:
        """Write a shard; ``skip``: lines of it that an interrupted run has already written."""
        if shard.traces is not None:
            self.store.write(f"{TRACES}/{shard.number:05d}.npz", shard.traces)
        self.store.append(COSTS, [shard.cost])
        self.store.append(SAMPLES, shard.lines[skip:])

    def _shard(self, numbered: tuple[int, Sequence[Job]], stopped: Stopped) -> _Shard:
        """Compute a whole shard, even if part of it was written before, so that its bytes come out the same."""
        started = time.perf_counter()
        number, jobs = numbered
        recipe = self.plan.recipe
        stream = self.pipe.stream(
            [job.item.prompt for job in jobs],
            strategy=recipe.strategy,
            seed=[job.seed for job in jobs],
            noise=recipe.noise,
            guidance_scale=recipe.guidance_scale,
            sampling=recipe.sampling,
            looks_per_batch=recipe.looks_per_batch,
            max_rows=max(self.plan.max_rows, recipe.strategy.num_trajectories),
        )
        for _ in stream:
            if stopped():
                raise _StoppedError
        drawn = time.perf_counter()
        results = stream.output.results
        undecoded = [c for result in results for c in self._judged(result) if c.image is None]
        with self._judging:  # judges may keep state
            judging = time.perf_counter()
            lines = self._lines(jobs, results)
        traced, decoder = self.plan.all_candidates and self.pipe.decoding == "next-token", self.pipe.decoder()
        return _Shard(
            number,
            lines,
            {
                "shard": number,
                "images": len(jobs),
                "workers": self.workers,
                "draw_seconds": drawn - started,
                "judge_seconds": time.perf_counter() - judging,
                "judge_decodes": len(undecoded),
                "ledger": stream.output.ledger.to_dict(),
            },
            traces(results, grid=decoder.grid, vocab_size=decoder.vocab_size) if traced else None,
        )

    def _lines(self, jobs: Sequence[Job], results: Sequence[PromptResult]) -> list[Line]:
        """Judge and write the images of a shard, one prompt at a time."""
        lines = []
        pairs = zip(jobs, results, strict=True)
        for _, group in groupby(pairs, key=lambda pair: pair[0].item.id):
            members = list(group)
            judged = [self._judged(result) for _, result in members]
            images = [self.pipe.preview(candidate) for candidates in judged for candidate in candidates]
            verdicts = iter(self.benchmark.score(members[0][0].item, images))
            for (job, result), candidates in zip(members, judged, strict=True):
                by_index = {candidate.index: next(verdicts) for candidate in candidates}
                lines.append(self._line(job, result, by_index))
        return lines

    def _judged(self, result: PromptResult) -> list[Candidate]:
        """The chosen candidate, or all that finished."""
        return [c for c in result.candidates if c.finished] if self.plan.all_candidates else [result.best]

    def _line(self, job: Job, result: PromptResult, verdicts: dict[int, Verdict]) -> Line:
        path = f"{IMAGES}/{self.benchmark.image_path(job.item, job.number)}"
        content = png_bytes(self.pipe.preview(result.best))
        self.store.write(path, content)
        for name, text in self.benchmark.side_files(job.item).items():
            self.store.write(f"{IMAGES}/{name}", text.encode())
        return {
            "id": job.item.id,
            "number": job.number,
            "task": job.item.task,
            "prompt": job.item.prompt,
            "seed": job.seed,
            "image": path,
            "sha256": hashlib.sha256(content).hexdigest(),
            "chosen": result.chosen,
            "tokens": sum(candidate.drawn for candidate in result.candidates),
            "verdict": asdict(verdicts[result.chosen]),
            "truncated": {name: asdict(cut) for name, cut in result.truncated.items()},
            "candidates": [candidate_line(c, _earned(verdicts.get(c.index))) for c in result.candidates],
        }


def traces(results: Sequence[PromptResult], *, grid: tuple[int, int], vocab_size: int) -> bytes:
    """Step-wise values of every trajectory of a shard, as the bytes of an npz file.

    ``names``: of the values. ``values``: ``(images, n, names, steps)`` fp32, NaN after a trajectory's last step.
    ``drawn``: tokens of each trajectory, ``(images, n)``. ``grid``: rows and columns of tokens. ``vocab_size``: V.
    """
    images = [result.candidates for result in results]
    names = list(images[0][0].trace)
    steps = max(len(c.trace[names[0]]) for candidates in images for c in candidates)
    shape = (len(images), max(map(len, images)), len(names), steps)
    values = np.full(shape, np.nan, np.float32)
    for image, candidates in enumerate(images):
        for candidate in candidates:
            for row, name in enumerate(names):
                trace = candidate.trace[name]
                values[image, candidate.index, row, : len(trace)] = trace
    drawn = np.array([[c.tokens for c in candidates] for candidates in images])
    buffer = io.BytesIO()
    np.savez(buffer, names=np.array(names), values=values, drawn=drawn, grid=np.array(grid), vocab_size=vocab_size)
    return buffer.getvalue()


def candidate_line(candidate: Candidate, verdict: Line | None) -> Line:
    """A candidate as ``samples.jsonl`` has it; None for NaN, which JSON cannot hold."""
    return {
        "index": candidate.index,
        "tokens": candidate.tokens,
        "cut": None if candidate.cut is None else asdict(candidate.cut),
        "signals": {name: plain_number(value) for name, value in candidate.signals.items()},
        "rewards": {name: plain_number(value) for name, value in candidate.rewards.items()},
        "verdict": verdict,
    }


def _earned(verdict: Verdict | None) -> Line | None:
    return None if verdict is None else {"points": verdict.points, "reason": verdict.reason}
