"""A shard as a pure function of the plan: what is computed is handed over whole, and nothing is written meanwhile."""

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from threading import Lock
from typing import Self

import numpy as np

from scalingar.bench.benchmark import Benchmark, Verdict
from scalingar.bench.runs.plan import Job, RunPlan
from scalingar.bench.runs.receipts import Line, digest
from scalingar.bench.runs.store import IMAGES, TRACES
from scalingar.core.device.kind import device_kind
from scalingar.core.errors import BenchmarkError
from scalingar.core.outputs import Candidate, PromptResult
from scalingar.core.pixels import png_bytes
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.readiness import check_ready
from scalingar.pipeline.recipe import Recipe
from scalingar.report.plain import plain_number
from scalingar.rewards.verifiers import VERIFIER, with_verifier

Stopped = Callable[[], bool]
"""Called by work now and then; True if its result is no longer wanted."""
Watch = Callable[[int, float], None]
"""Told the number of a shard under way and how many of its images are drawn, in steps; from any thread."""
_OFTEN = 0.1
"""Images between two calls of a watch."""


@dataclass(frozen=True)
class Task:
    """Shard ``number`` of a plan: the images that are drawn together."""

    number: int
    jobs: Sequence[Job]


@dataclass(frozen=True)
class Shard:
    """Everything a shard leaves behind, in plain values: it can be sent to another process or machine."""

    number: int
    lines: list[Line]
    """Of ``samples.jsonl``."""
    costs: Line
    """Seconds of drawing and judging, decodes for the judge, and the ledger."""
    files: dict[str, bytes]
    """Pictures, side files and traces, by their paths in the run's folder."""
    full_tokens: int = 0
    """That completing every trajectory which began would have drawn; for whoever watches, and not written."""


@dataclass(frozen=True)
class Prepared:
    """What a plan says of model, judge and machine.

    Nothing in the recipe is left to defaults, weights are by SHA-256.
    """

    recipe: Recipe
    weights: dict[str, str]
    device_kind: str
    versions: dict[str, str]
    provenance: dict[str, str] = field(default_factory=dict)
    """Of the judge."""

    @classmethod
    def of(cls, pipe: ImagePipeline, recipe: Recipe) -> Self:
        """What follows from a loaded model, which can draw the recipe. Raises ConfigError, WeightsError."""
        wanted = recipe.resolved(pipe)
        check_ready(pipe, wanted)  # now, so that the plan says at which commit of the hub its reward is read
        read = wanted.model_copy(update={"model": pipe.choice_as_read})
        weights = with_verifier(pipe.hashes, pipe.verifier_of(wanted.strategy))
        return cls(read, weights, device_kind(pipe.device), RunPlan.versions_here())


class StoppedError(Exception):
    """The run was stopped."""


@dataclass
class Workbench:
    """A model and a judge, loaded once and used for shard after shard."""

    pipe: ImagePipeline
    benchmark: Benchmark
    watch: Watch | None = None
    _judging: Lock = field(default_factory=Lock, init=False, repr=False)

    def prepare(self, recipe: Recipe) -> Prepared:
        """What a plan of this recipe says about this workbench, which can draw it. Raises ConfigError, WeightsError."""
        return replace(Prepared.of(self.pipe, recipe), provenance=dict(self.benchmark.provenance))

    def check_fits(self, plan: RunPlan, where: str) -> None:
        """Raises BenchmarkError unless the bytes computed here are those that the plan was made for."""
        here = self.prepare(Recipe.model_validate(plan.recipe))
        for name, value in {
            "weights": here.weights,
            "versions": here.versions,
            "device_kind": here.device_kind,
            "provenance": here.provenance,
        }.items():
            told = getattr(plan, name)
            if told is not None and told != value:
                raise BenchmarkError(
                    f"{where} would compute other bytes: {name} is {value!r} there and {told!r} in the plan; take "
                    "machines of one kind with the same files and packages."
                )

    def compute(self, plan: RunPlan, task: Task, stopped: Stopped = lambda: False) -> Shard:
        """Draw and judge a whole shard, even if part of it was written before, so that its bytes come out the same.

        Its lines and files depend on plan and task alone; torch's threads are those of the caller.

        Raises:
            StoppedError: ``stopped`` said so. BenchmarkError: the verifier is another one by now. DecodingError.
        """
        started = time.perf_counter()
        recipe = plan.recipe
        stream = self.pipe.stream(
            [job.item.prompt for job in task.jobs],
            strategy=recipe.strategy,
            seed=[job.seed for job in task.jobs],
            noise=recipe.noise,
            guidance_scale=recipe.guidance_scale,
            sampling=recipe.sampling,
            looks_per_batch=recipe.looks_per_batch,
            max_rows=max(plan.max_rows, self.pipe.rows_alone(recipe)),
        )
        reached, told = dict.fromkeys(range(len(task.jobs)), 0.0), 0.0
        for event in stream:
            if stopped():
                raise StoppedError
            # An image that begins again, in a further wave, does not move back.
            reached[event.prompt] = max(reached[event.prompt], (event.position + 1) / event.total_steps)
            if self.watch is not None and (drawn_images := sum(reached.values())) >= told + _OFTEN:
                told = drawn_images
                self.watch(task.number, told)
        drawn = time.perf_counter()
        _check_verifier(plan, stream.output.infos[0].weights)
        results = stream.output.results
        undecoded = [c for result in results for c in _judged(plan, result) if c.image is None]
        with self._judging:  # judges may keep state
            judging = time.perf_counter()
            lines, files = self._lines(plan, task.jobs, results)
        decoder = self.pipe.decoder()
        if plan.all_candidates and decoder.decoding == "next-token" and decoder.preview is None:
            arrays = traces(results, grid=decoder.grid, vocab_size=decoder.vocab_size)
            files[f"{TRACES}/{task.number:05d}.npz"] = arrays
        costs = {
            "draw_seconds": drawn - started,
            "judge_seconds": time.perf_counter() - judging,
            "judge_decodes": len(undecoded),
            "ledger": stream.output.ledger.to_dict(),
        }
        return Shard(task.number, lines, costs, files, stream.output.full_tokens)

    def _lines(
        self, plan: RunPlan, jobs: Sequence[Job], results: Sequence[PromptResult]
    ) -> tuple[list[Line], dict[str, bytes]]:
        """Judge the images of a shard, one prompt at a time; returns the lines, and the pictures with side files."""
        lines: list[Line] = []
        files: dict[str, bytes] = {}
        pairs = zip(jobs, results, strict=True)
        for _, group in groupby(pairs, key=lambda pair: pair[0].item.id):
            members = list(group)
            judged = [_judged(plan, result) for _, result in members]
            images = [self.pipe.preview(candidate) for candidates in judged for candidate in candidates]
            verdicts = iter(self.benchmark.score(members[0][0].item, images))
            for (job, result), candidates in zip(members, judged, strict=True):
                by_index = {candidate.index: next(verdicts) for candidate in candidates}
                what = f"scalingar: {job.item.prompt!r}, seed {job.seed}; the recipe is in the run's plan.json"
                picture = png_bytes(self.pipe.preview(result.best), what)
                lines.append(self._line(job, result, by_index, digest(picture)))
                files[lines[-1]["image"]] = picture
            for name, text in self.benchmark.side_files(members[0][0].item).items():
                files[f"{IMAGES}/{name}"] = text.encode()
        return lines, files

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


def _check_verifier(plan: RunPlan, used: dict[str, str]) -> None:
    """Raises BenchmarkError if images were drawn with another verifier than the plan's."""
    told, own = plan.weights.get(VERIFIER), used.get(VERIFIER)
    if told is not None and told != own:
        raise BenchmarkError(
            f"the verifier was trained again while the run was under way (SHA-256 {str(own)[:12]}, {told[:12]} in the "
            "plan); put the old one back, or choose another folder for the run."
        )


def _judged(plan: RunPlan, result: PromptResult) -> list[Candidate]:
    """The chosen candidate, or all that finished."""
    return [c for c in result.candidates if c.finished] if plan.all_candidates else [result.best]


def traces(results: Sequence[PromptResult], *, grid: tuple[int, int], vocab_size: int) -> bytes:
    """Step-wise values of every trajectory of a shard, as the bytes of an npz file.

    ``names``: of the values. ``values``: ``(images, n, names, steps)`` fp32, NaN after a trajectory's last step.
    ``drawn``: tokens of each trajectory, ``(images, n)``; 0 where an image has fewer. ``grid``: rows and columns of
    tokens. ``vocab_size``: V.
    """
    images = [result.candidates for result in results]
    names = list(images[0][0].trace)
    steps = max(len(c.trace[names[0]]) for candidates in images for c in candidates)
    shape = (len(images), max(map(len, images)), len(names), steps)
    values, drawn = np.full(shape, np.nan, np.float32), np.zeros(shape[:2], np.int64)
    for image, candidates in enumerate(images):
        for candidate in candidates:
            drawn[image, candidate.index] = candidate.tokens
            for row, name in enumerate(names):
                trace = candidate.trace[name]
                values[image, candidate.index, row, : len(trace)] = trace
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
    return None if verdict is None else {"points": verdict.points, "total": verdict.total, "reason": verdict.reason}
