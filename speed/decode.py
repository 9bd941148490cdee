"""Tokens a second against what memory allows: ``python -m speed.decode --sizes B --rows 2 16 --dtypes fp32``.

Each step of a small batch reads every weight and the filled part of the cache once, so its time over that of a plain
copy of as many bytes says how far decoding is from the floor; copies are timed between the runs. Weights are random;
256 codes, class-conditional, guided (rows count both branches). ``--reference`` adds what a straightforward loop needs
for the same work, for size B, 16 rows and 256 codes: LlamaGen's own, which attends over all slots of a cache that is
filled with zeros ahead, masked, by the plain products that torch calls the math backend, and copies keys and values in
every layer of every step. ``--compile`` adds the step that ``torch.compile`` makes; the time of making it is left out.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from scalingar.models.layers import apply_rope, rotations
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.weights.build_module import build_module
from speed.machine import describe

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def random_model(config: LlamaGenConfig, dtype: torch.dtype) -> LlamaGen:
    """Weights from a generator of their own: norms of one, everything else narrow."""
    with torch.device("meta"):
        shapes = LlamaGen(config).state_dict()
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: torch.ones(like.shape, dtype=dtype)
        if like.ndim == 1
        else torch.empty(like.shape, dtype=dtype).normal_(0.0, 0.02, generator=generator)
        for name, like in shapes.items()
    }
    return build_module(lambda: LlamaGen(config), weights, "random weights", dtype=dtype)


def copy_speed(megabytes: int = 256, repeats: int = 7) -> float:
    """Bytes read and written a second by a plain copy larger than the processor's caches."""
    source = torch.ones(megabytes * 2**18)
    target = torch.empty_like(source)
    return 2 * source.nbytes / median_seconds(lambda: target.copy_(source), repeats)


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Of several runs, after one that pays for lazy initialisation."""
    work()
    return statistics.median(_seconds(work) for _ in range(repeats))


def seconds_and_copy(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """As :func:`median_seconds`, and the median of the copy speeds measured between the runs.

    Memory serves everyone on a host: a speed from minutes ago says little about what a run could have reached.
    """
    work()
    pairs = [(_seconds(work), copy_speed()) for _ in range(repeats)]
    seconds, copied = zip(*pairs, strict=True)
    return statistics.median(seconds), statistics.median(copied)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def bytes_per_step(model: LlamaGen, rows: int) -> float:
    """Weights read once, except the embedding's unused rows, and on average half of the cache."""
    table = model.tok_embeddings.weight
    weights = sum(p.nbytes for p in model.parameters()) - table.nbytes + rows * table[0].nbytes
    cached = 2 * model.config.layers * rows * model.config.dim * table.element_size()
    return weights + cached * (model.config.image_tokens + 1) / 2


@torch.inference_mode()
def ours(model: LlamaGen, rows: int, steps: int) -> Tensor:
    """Prefill once per branch, fork, then the library's step; the likeliest codes ``(rows, steps)``."""
    branches = torch.arange(2).repeat_interleave(rows // 2)
    logits, cache = model.prefill(model.condition(torch.zeros(1, 1, dtype=torch.long)), guided=True)
    cache, drawn = cache.select(branches), [logits[branches].argmax(-1)]
    for place in range(steps - 1):
        drawn.append(model.step(drawn[-1], torch.full((rows,), place), cache).argmax(-1))
    return torch.stack(drawn, 1)


@torch.inference_mode()
def straightforward(model: LlamaGen, rows: int, steps: int) -> Tensor:
    """The loop one writes first: every step attends over all slots of the cache, the empty ones masked; same codes."""
    config = model.config
    slots = -(-(1 + config.image_tokens) // 8) * 8
    shape = (rows, config.heads, slots, config.dim // config.heads)
    keys = [torch.zeros(shape, dtype=model.dtype) for _ in range(config.layers)]
    values = [torch.zeros(shape, dtype=model.dtype) for _ in range(config.layers)]
    causal = torch.ones(slots, slots, dtype=torch.bool).tril().repeat(rows, 1, 1)
    condition = model.condition(torch.zeros(rows // 2, 1, dtype=torch.long))
    x = torch.cat([condition.conditional, condition.unconditional])
    drawn = []
    for place in range(steps):
        drawn.append(_full_length(model, x, place, keys, values, causal).argmax(-1))
        x = model.tok_embeddings(drawn[-1])[:, None]
    return torch.stack(drawn, 1)


def _full_length(
    model: LlamaGen, x: Tensor, place: int, keys: list[Tensor], values: list[Tensor], causal: Tensor
) -> Tensor:
    turns, mask = rotations(model.rope[place : place + 1]), causal[:, None, place : place + 1]
    for index, block in enumerate(model.layers):
        attention, feed = block.attention, block.feed_forward
        h = _linear(attention.wqkv, block.attention_norm(x))  # type: ignore[union-attr, operator, arg-type]
        q, k, v = h.unflatten(-1, (3 * model.config.heads, -1)).chunk(3, -2)
        keys[index][:, :, place] = apply_rope(k, turns)[:, 0]
        values[index][:, :, place] = v[:, 0]
        with sdpa_kernel(SDPBackend.MATH):
            attended = F.scaled_dot_product_attention(
                apply_rope(q, turns).transpose(1, 2), keys[index].clone(), values[index].clone(), mask
            )
        x = x + _linear(attention.wo, attended.transpose(1, 2).flatten(-2))  # type: ignore[union-attr, arg-type]
        h = block.ffn_norm(x)  # type: ignore[operator]
        gated = F.silu(_linear(feed.w1, h)) * _linear(feed.w3, h)  # type: ignore[union-attr, arg-type]
        x = x + _linear(feed.w2, gated)  # type: ignore[union-attr, arg-type]
    return _linear(model.output, model.norm(x[:, -1])).float()


def _linear(layer: nn.Linear, x: Tensor) -> Tensor:
    """torch's own product, whatever the library's layer does for few rows."""
    return F.linear(x, layer.weight)


def line(label: str, model: LlamaGen, rows: int, steps: int, seconds: float, copied: float) -> str:
    """One row of the table: codes a second count the pairs of rows, since both branches make one code; the last
    number is the time of a step over the time in which a copy would move its bytes.
    """
    moved = bytes_per_step(model, rows) * steps / seconds
    return (
        f"{label:24s} {rows:5d} {1e3 * seconds / steps:8.2f} {rows / 2 * steps / seconds:8.1f} "
        f"{bytes_per_step(model, rows) / 2**20:8.1f} {moved / 1e9:8.2f} {copied / 1e9:8.2f} {copied / moved:7.2f}x"
    )


def lines(label: str, model: LlamaGen, rows: list[int], steps: int, repeats: int) -> None:
    """Measure and print each number of rows."""
    for count in rows:
        times = seconds_and_copy(partial(ours, model, count, steps), repeats)
        print(line(label, model, count, steps, *times), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["B"], choices=["B", "L", "XL"])
    parser.add_argument("--rows", nargs="+", type=int, default=[2, 4, 8, 16, 32])
    parser.add_argument("--dtypes", nargs="+", default=["fp32", "bf16"], choices=list(DTYPES))
    parser.add_argument("--grid", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="time the compiled step too")
    parser.add_argument("--reference", action="store_true", help="time the straightforward loop too")
    args = parser.parse_args()
    print(describe())
    names = ("rows", "ms/step", "codes/s", "MiB/step", "GB/s", "copy", "floor")
    print(f"{'':24s} {names[0]:>5s} {' '.join(f'{name:>8s}' for name in names[1:])}")
    grid, steps = (args.grid, args.grid), args.grid**2
    for size in args.sizes:
        for name in args.dtypes:
            model = random_model(LlamaGenConfig.published(size, grid), DTYPES[name])
            lines(f"{size} {name}", model, args.rows, steps, args.repeats)
            if args.compile:
                model.compile()
                lines(f"{size} {name}, compiled", model, args.rows, steps, args.repeats)
    if args.reference:
        model = random_model(LlamaGenConfig.published("B", grid), torch.float32)
        times = seconds_and_copy(lambda: straightforward(model, 16, steps), args.repeats)
        print(line("B fp32, straightforward", model, 16, steps, *times))


if __name__ == "__main__":
    main()
