"""Draws and judges the images of a plan, shard by shard, so that a killed run loses at most one shard."""

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from threading import Lock

import numpy as np

from scalingar.bench.benchmark import Benchmark, Verdict
from scalingar.bench.runs.plan import Job, RunPlan
from scalingar.bench.runs.receipts import Line, digest
from scalingar.bench.runs.store import IMAGES, TRACES, RunStore
from scalingar.bench.runs.workers import Stopped, in_order
from scalingar.core.device.threads import torch_threads
from scalingar.core.outputs import Candidate, PromptResult
from scalingar.core.pixels import png_bytes
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.report.plain import plain_number


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
    files: dict[str, bytes]
    """Pictures, side files and traces, by their paths in the run's folder."""


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
        shards = self.plan.shards(jobs)
        with self.store.writing(self.plan.of(self.benchmark), shards) as folder, torch_threads(self.plan.threads):
            left = [numbered for numbered in enumerate(shards) if not folder.done(numbered[0])]
            done = len(jobs) - sum(len(shard) for _, shard in left)
            yield ShardDone(done, len(jobs))
            for shard in in_order(self._shard, left, workers=self.workers, threads=self.plan.threads):
                folder.add(shard.number, shard.lines, shard.cost, shard.files)
                done += len(shard.lines)
                yield ShardDone(done, len(jobs))

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
            lines, files = self._lines(jobs, results)
        traced, decoder = self.plan.all_candidates and self.pipe.decoding == "next-token", self.pipe.decoder()
        if traced:
            files[f"{TRACES}/{number:05d}.npz"] = traces(results, grid=decoder.grid, vocab_size=decoder.vocab_size)
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
            files,
        )

    def _lines(self, jobs: Sequence[Job], results: Sequence[PromptResult]) -> tuple[list[Line], dict[str, bytes]]:
        """Judge the images of a shard, one prompt at a time; returns the lines, and the pictures with side files."""
        lines: list[Line] = []
        files: dict[str, bytes] = {}
        pairs = zip(jobs, results, strict=True)
        for _, group in groupby(pairs, key=lambda pair: pair[0].item.id):
            members = list(group)
            judged = [self._judged(result) for _, result in members]
            images = [self.pipe.preview(candidate) for candidates in judged for candidate in candidates]
            verdicts = iter(self.benchmark.score(members[0][0].item, images))
            for (job, result), candidates in zip(members, judged, strict=True):
                by_index = {candidate.index: next(verdicts) for candidate in candidates}
                picture = png_bytes(self.pipe.preview(result.best))
                lines.append(self._line(job, result, by_index, digest(picture)))
                files[lines[-1]["image"]] = picture
            for name, text in self.benchmark.side_files(members[0][0].item).items():
                files[f"{IMAGES}/{name}"] = text.encode()
        return lines, files

    def _judged(self, result: PromptResult) -> list[Candidate]:
        """The chosen candidate, or all that finished."""
        return [c for c in result.candidates if c.finished] if self.plan.all_candidates else [result.best]

    def _line(self, job: Job, result: PromptResult, verdicts: dict[int, Verdict], sha256: str) -> Line:
        return {
            "id": job.item.id,
            "number": job.number,
            "task": job.item.task,
            "prompt": job.item.prompt,
            "seed": job.seed,
            "image": f"{IMAGES}/{self.benchmark.image_path(job.item, job.number)}",
            "sha256": sha256,
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
