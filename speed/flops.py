"""Arithmetic of each strategy, counted as torch does it: ``python -m speed.flops --model embedded``.

Prints GFLOP per image (a product and a sum are two) of everything that runs: transformer, tokenizer, reward and
feature, beside the tokens they were spent on. Nothing is timed, so other work may run beside it. ``--size B --grid 16``
takes a LlamaGen of that size with random weights instead: how cost grows with the length of a trajectory.
"""

import argparse
import statistics
from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, register_flop_formula, sdpa_flop_count

from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies import STRATEGIES
from scalingar.strategies.build_strategy import build_strategy
from speed.generate import add_model_arguments, chosen_model
from speed.machine import describe

PROMPT = "a photo of a red apple left of a dog"


@register_flop_formula(torch.ops.aten._scaled_dot_product_flash_attention_for_cpu)
def _attention(query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    """Attention on a CPU, of which torch has no formula."""
    flops: int = sdpa_flop_count(query, key, value)
    return flops


def counted(pipe: ImagePipeline, strategy: str, seed: int) -> tuple[float, ImageOutput]:
    """GFLOP of one image, and the output."""
    with FlopCounterMode(display=False) as counter:
        output = pipe(PROMPT, strategy=strategy, seed=seed)
    return counter.get_total_flops() / 1e9, output


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_model_arguments(parser)
    parser.add_argument("--strategies", help="with commas between them; all that serve the model")
    parser.add_argument("--repeats", type=int, default=3, help="seeds, of which the median is printed")
    args = parser.parse_args(words)
    pipe = chosen_model(parser, args)
    print(describe())
    print(f"{pipe.name}: {PROMPT}")
    print(f"{'strategy':22s} {'GFLOP':>8s} {'× single':>9s} {'tokens':>7s} {'decodes':>8s}")
    base = None
    served = [name for name in STRATEGIES if pipe.decoding in STRATEGIES[name].serves]
    names = [name for name in served if not build_strategy(name).needs().verified]  # there is none to read states
    names = args.strategies.split(",") if args.strategies else names
    for name in sorted(names, key=lambda name: name != "single"):
        flops, outputs = zip(*(counted(pipe, name, seed) for seed in range(args.repeats)), strict=True)
        middle = statistics.median(flops)
        base = base or middle
        tokens, decodes = (
            statistics.median(getattr(output.ledger, field) for output in outputs) for field in ("tokens", "decodes")
        )
        print(f"{name:22s} {middle:8.1f} {middle / base:9.2f} {tokens:7.0f} {decodes:8.0f}")


if __name__ == "__main__":
    main()
