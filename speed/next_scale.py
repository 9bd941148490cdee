"""Seconds and memory of TTS-VAR's schedule against Best-of-8: ``python -m speed.next_scale``.

By default a random-weight Infinity 125M at 256 pixels (seven scales): what a strategy costs does not depend on what the
weights know. Printed are medians over repeats, and what is counted: images decoded for one prompt among it, which must
be 8 + 6 + 4 + 2 + 1 = 21 for TTS-VAR at N = 1 when its reward looks at pixels, as here, however many scales there are.
``--model`` takes a name, file or folder instead, ``--preset 1M`` other sizes of the random one, ``--layers`` and
``--dim`` a smaller one.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from scalingar.core.outputs import Ledger
from scalingar.core.sampling_config import SamplingConfig
from scalingar.doctor.random_weights import random_weights
from scalingar.models.infinity.bsq_vae import BSQVae, bsq_config
from scalingar.models.infinity.config import InfinityConfig, feed_forward_width
from scalingar.models.infinity.released import build_bsq_vae, pair
from scalingar.models.infinity.schedules import PRESETS, infinity_schedule
from scalingar.models.infinity.transformer import Infinity
from scalingar.models.weights.build_module import build_module
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.rewards import REWARDS, scoring
from scalingar.strategies import BestOfN, Single, Strategy, TTSVar
from speed.machine import describe

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
DECODES = 8 + 6 + 4 + 2 + 1
"""Of TTS-VAR at N = 1: two clusterings, two resamplings, the last image."""


@REWARDS.register("benchmark-brightness")
@scoring
def brightness(prompt: str, images: Sequence[Image.Image]) -> list[float]:
    """A reward that looks at pixels and costs nothing."""
    return [sum(image.resize((1, 1)).tobytes()) / 765 for image in images]


STRATEGIES: dict[str, Strategy] = {
    "single": Single(),
    "best-of-8": BestOfN(num_trajectories=8, reward="benchmark-brightness"),
    "tts-var": TTSVar(reward="benchmark-brightness"),
    "tts-var N=2": TTSVar(num_trajectories=2, reward="benchmark-brightness"),
}


@dataclass(frozen=True)
class Measured:
    """Of one strategy: median seconds, a run's ledger, and the process's largest resident set so far in bytes."""

    seconds: float
    ledger: Ledger
    resident: int


def random_infinity(layers: int, dim: int, preset: str, dtype: torch.dtype, channels: int = 128) -> ImagePipeline:
    """Infinity with 16 bits a token; 12 layers of 768 channels are its 125M."""
    config = InfinityConfig.published("125M").model_copy(
        update={"layers": layers, "dim": dim, "hidden": feed_forward_width(dim)}
    )

    def make() -> Infinity:
        return Infinity(config, infinity_schedule(preset=preset))

    model = build_module(
        make,
        random_weights(make),
        "random weights",
        dtype=lambda name: dtype if name.startswith("blocks.") else torch.float32,
    )
    vae_config = bsq_config(config.bits, channels=channels)
    vae = build_bsq_vae(random_weights(lambda: BSQVae(vae_config)), "random weights")
    return ImagePipeline(
        name=f"random Infinity, {layers} layers of {dim}",
        model=model,
        tokenizer=pair(model, vae),
        encode_prompts=random_text,
        guidance_scale=3.0,
        sampling=SamplingConfig(temperature=0.5, top_p=0.97),
    )


def random_text(prompts: list[str]) -> tuple[Tensor, Tensor]:
    """Features of 16 tokens in place of a text encoder's."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(len(prompts), 16, 2048, generator=generator), torch.ones(len(prompts), 16, dtype=torch.bool)


def measured(pipe: ImagePipeline, strategy: Strategy, prompt: str, repeats: int) -> Measured:
    """Runs of different seeds, after one that pays for lazy initialisation."""
    pipe(prompt, strategy=strategy, seed=10_000)
    seconds, ledger = [], Ledger()
    for seed in range(repeats):
        started = time.perf_counter()
        ledger = pipe(prompt, strategy=strategy, seed=seed).ledger
        seconds.append(time.perf_counter() - started)
    return Measured(statistics.median(seconds), ledger, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def line(name: str, run: Measured, single: Measured) -> str:
    """One row of the table."""
    ledger = run.ledger
    phases = (ledger.seconds.get(phase, 0.0) / ledger.total_seconds for phase in ("transformer", "decode"))
    return (
        f"{name:22s} {run.seconds:8.2f} {run.seconds / single.seconds:7.2f} {ledger.forward_rows:8d} "
        f"{ledger.decodes:7d} {ledger.peak_bytes / 1e6:8.1f} {run.resident / 1e6:9.0f} "
        + " ".join(f"{share:7.0%}" for share in phases)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=None, help="in place of random weights")
    parser.add_argument("--prompt", default="a photo of a dog")
    parser.add_argument("--preset", default="0.06M", choices=list(PRESETS))
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--dim", type=int, default=768, help="a multiple of 32, 64 at least")
    parser.add_argument("--channels", type=int, default=128, help="of the random autoencoder's first level")
    parser.add_argument("--dtype", default="fp32", choices=list(DTYPES))
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    if args.model is None:
        pipe = random_infinity(args.layers, args.dim, args.preset, DTYPES[args.dtype], args.channels)
    else:
        pipe = ImagePipeline.from_pretrained(args.model, dtype=DTYPES[args.dtype])
    print(describe())
    print(f"{pipe.name}: {len(pipe.grids)} scales to {pipe.grids[-1]}, {args.dtype}")
    print(
        f"{'strategy':22s} {'seconds':>8s} {'x raw':>7s} {'rows':>8s} {'decodes':>7s} {'live MB':>8s} "
        f"{'process':>9s} {'transf.':>7s} {'decode':>7s}"
    )
    runs: dict[str, Measured] = {}
    for name, strategy in STRATEGIES.items():
        runs[name] = measured(pipe, strategy, args.prompt, args.repeats)
        print(line(name, runs[name], runs["single"]), flush=True)
    ratio = runs["tts-var"].seconds / runs["best-of-8"].seconds
    print(f"TTS-VAR at N = 1 against Best-of-8: {ratio:.2f} of the time, {runs['tts-var'].ledger.decodes} decodes")
    if runs["tts-var"].ledger.decodes != DECODES:
        raise SystemExit(f"TTS-VAR decoded {runs['tts-var'].ledger.decodes} images; {DECODES} are needed.")


if __name__ == "__main__":
    main()
