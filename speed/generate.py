"""Seconds per image of each strategy on the embedded model: ``python -m speed.generate``.

Prints, as medians over repeats: seconds and codes of every strategy at N = 8; the share of a step that profile and
policy take; and whether pruning frees time, time(ScalingAR) / time(all N complete) against the ratio of codes.
``--size B --grid 8`` takes a LlamaGen of that size with random weights instead: a step and its policy cost the same
whatever the weights know, only which trajectories are cut does not.
"""

import argparse
import statistics
import time

import torch
from torch import Tensor

from scalingar.core.sampling_config import SamplingConfig
from scalingar.doctor.random_weights import random_weights
from scalingar.models.llamagen.config import SIZES, LlamaGenConfig
from scalingar.models.llamagen.vq import VQConfig, VQTokenizer
from scalingar.models.weights.build_module import build_module
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.pipeline import ImagePipeline
from speed.decode import random_model
from speed.machine import describe

PROMPT = "a photo of a red apple left of a dog"
STRATEGIES = ("single", "random-of-n", "best-of-n", "most-confident-of-n", "scaling-ar")


def random_llamagen(config: LlamaGenConfig) -> ImagePipeline:
    """Its labels are all the same one, and its tokenizer is narrow: pictures are not what is timed."""
    small = VQConfig(codebook_size=config.vocab_size, channels=32, z_channels=32)

    return ImagePipeline(
        name=f"random LlamaGen, {config.layers} layers of {config.dim}",
        model=random_model(config, torch.float32),
        tokenizer=build_module(
            lambda: VQTokenizer(small), random_weights(lambda: VQTokenizer(small)), "random weights"
        ),
        encode_prompts=first_label,
        guidance_scale=4.0,
        sampling=SamplingConfig(),
        own_reward="pmi",
    )


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model is measured."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--model", default="embedded")
    source.add_argument("--size", choices=SIZES, help="a random LlamaGen of this size in place of --model")
    parser.add_argument("--grid", type=int, help="codes along each side of the random model's image")


def chosen_model(parser: argparse.ArgumentParser, args: argparse.Namespace) -> ImagePipeline:
    """The model of these arguments."""
    if (args.size is None) != (args.grid is None):
        parser.error("--size and --grid go together: a model that is loaded has a grid of its own")
    if args.size:
        return random_llamagen(LlamaGenConfig.published(args.size, (args.grid, args.grid)))
    return ImagePipeline.from_pretrained(args.model)


def first_label(prompts: list[str]) -> tuple[Tensor, None]:
    """The same class for every prompt."""
    return torch.zeros(len(prompts), 1, dtype=torch.long), None


def measured(pipe: ImagePipeline, strategy: str, repeats: int) -> tuple[float, list[ImageOutput]]:
    """Median seconds over seeds, and the outputs."""
    pipe(PROMPT, strategy=strategy, seed=10_000)  # first calls pay for lazy initialisation
    seconds, outputs = [], []
    for seed in range(repeats):
        started = time.perf_counter()
        outputs.append(pipe(PROMPT, strategy=strategy, seed=seed))
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), outputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_model_arguments(parser)
    parser.add_argument("--repeats", type=int, default=7)
    pipe = chosen_model(parser, args := parser.parse_args())
    print(describe())
    print(pipe.name)
    print(f"{'strategy':22s} {'seconds':>8s} {'codes':>6s} {'ms/step':>8s} {'policy':>7s}")
    seconds, codes = {}, {}
    for strategy in STRATEGIES:
        seconds[strategy], outputs = measured(pipe, strategy, args.repeats)
        codes[strategy] = statistics.median(output.ledger.tokens for output in outputs)
        steps = pipe.grids[0][0] * pipe.grids[0][1]
        share = statistics.median(output.ledger.seconds["policy"] / output.ledger.total_seconds for output in outputs)
        print(
            f"{strategy:22s} {seconds[strategy]:8.2f} {codes[strategy]:6.0f} "
            f"{1e3 * seconds[strategy] / steps:8.2f} {share:7.1%}"
        )
    time_ratio = seconds["scaling-ar"] / seconds["random-of-n"]
    code_ratio = codes["scaling-ar"] / codes["random-of-n"]
    print(
        f"ScalingAR against all N complete: {time_ratio:.2f} of the time for {code_ratio:.2f} of the codes "
        f"(quotient {time_ratio / code_ratio:.2f})"
    )


if __name__ == "__main__":
    main()
