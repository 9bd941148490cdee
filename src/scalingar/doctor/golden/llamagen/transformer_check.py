"""Kind ``llamagen_gpt``: the transformer under teacher forcing, and its free-running generations."""

from collections.abc import Iterator
from math import isqrt

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.trajectories import Trajectories
from scalingar.doctor.golden.golden_file import CHECKS, EXACT, GUIDED, LOGITS, ROTARY, Comparison, GoldenFile
from scalingar.doctor.golden.llamagen.run_checks import Run, runs
from scalingar.models.llamagen.condition import Condition
from scalingar.models.llamagen.names import TRANSFORMER_PARTS, from_llama_names, part
from scalingar.models.llamagen.released import llamagen_config
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.weights.build_module import build_module
from scalingar.profile.statistics.guidance import guide


def build(file: GoldenFile, *, collapse_prefix: bool | None = None) -> LlamaGen:
    """The transformer with a file's weights; the file states grid and heads, the weights determine other sizes."""
    side = file.config.get("grid", isqrt(file["tokens_in"].shape[1]))
    grid = (side, side) if isinstance(side, int) else tuple(side)
    weights = from_llama_names(part(file.weights, TRANSFORMER_PARTS))
    config = llamagen_config(weights, file.path, grid=grid, heads=file.config.get("heads"))
    return build_module(lambda: LlamaGen(config, collapse_prefix=collapse_prefix), weights, file.path)


def condition(model: LlamaGen, file: GoldenFile) -> Condition:
    """The condition of the labels or captions in a file."""
    inputs, mask = file["cond"], file.get("emb_mask")
    return model.condition(inputs[:, None] if inputs.ndim == 1 else inputs, None if mask is None else mask.bool())


@CHECKS.register("llamagen_gpt")
def check(file: GoldenFile) -> Iterator[Comparison]:
    """Rotary table; logits with the whole prefix and, if possible, a collapsed one; guided logits and codes of runs."""
    model = build(file)
    yield from file.compare_stored("rope_table", model.rope, ROTARY)
    uncollapsed = build(file, collapse_prefix=False)
    yield file.compare("logits_cond_then_uncond", _teacher_forced(uncollapsed, file), LOGITS)
    if model.collapses:
        yield file.compare("logits_cond_then_uncond", _teacher_forced(model, file), LOGITS, "prefix collapsed")
    for run in runs(file):
        if f"greedy_logits.{run.name}" in file and run.sampling.greedy:
            yield file.compare(f"greedy_logits.{run.name}", _guided(model, file, run), GUIDED)
        yield file.compare(run.array, _generated(model, file, run).to(file[run.array].dtype), EXACT)


def _teacher_forced(model: LlamaGen, file: GoldenFile) -> Float[Tensor, "t b v"]:
    """Logits of the prefill and of single steps through the cache, conditional rows first."""
    codes = file["tokens_in"].long().repeat(2, 1)
    logits, cache = model.prefill(condition(model, file), guided=True)
    steps = [logits]
    for position in range(codes.shape[1] - 1):
        steps.append(model.step(codes[:, position], torch.full((len(codes),), position), cache))
    return torch.stack(steps)


def _start(model: LlamaGen, file: GoldenFile, run: Run) -> tuple[NextTokenDecoder, Trajectories]:
    decoder = NextTokenDecoder(model=model, sampling=run.sampling)
    indices = [[0] for _ in file["cond"]]
    return decoder, decoder.start(condition(model, file), indices, run.noise(file), branches=2 if run.guided else 1)


def _generated(model: LlamaGen, file: GoldenFile, run: Run) -> Int[Tensor, "n t"]:
    decoder, live = _start(model, file, run)
    while True:
        live = live.append(decoder.draw(live, run.guidance_scale))
        if bool(live.finished.all()):
            return live.codes
        live = decoder.advance(live)


def _guided(model: LlamaGen, file: GoldenFile, run: Run) -> Float[Tensor, "t n v"]:
    """Guided logits along the stored codes, so that a wrong code does not hide what comes after it."""
    decoder, live = _start(model, file, run)
    steps = []
    for codes in file[run.array].long().T:
        scale = live.scale_for(decoder.scale_at(live.positions, run.guidance_scale))
        steps.append(guide(live.branches, scale))
        live = live.append(codes)
        if not bool(live.finished.all()):
            live = decoder.advance(live)
    return torch.stack(steps)
