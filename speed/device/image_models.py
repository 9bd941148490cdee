"""Next-token models: a step of LlamaGen, ScalingAR's images, and Janus against transformers' own loop."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.stream import Stream
from scalingar.strategies.single import Single
from speed.device.random_models import janus_network, janus_pipe, llamagen_pipe, prompt_ids
from speed.device.report import Row
from speed.device.sizes import Sizes
from speed.device.timing import (
    copy_speed,
    median_run,
    peak_gigabytes,
    seconds,
    start_peak,
    step_seconds,
    warm_up,
)

PROMPT = "a photo of a dog"


def bytes_read(model: LlamaGen, rows: int) -> int:
    """In one step, on average: the blocks and the head, and the filled part of the cache."""
    config, size = model.config, model.tok_embeddings.weight.element_size()
    weights = sum(p.nbytes for part in (model.layers, model.norm, model.output) for p in part.parameters())
    slots = config.condition_tokens + (config.image_tokens + 1) / 2
    return int(weights + 2 * config.layers * rows * config.dim * size * slots)


def complete(pipe: ImagePipeline, rows: int, seed: int = 0) -> Stream:
    """A guided run of ``rows`` rows of the cache in which all trajectories are completed; codes only."""
    settings: dict[str, Any] = {"strategy": "random-of-n", "num_trajectories": rows // 2, "output_type": "codes"}
    return pipe.stream(PROMPT, seed=seed, **settings)


def llamagen_step(sizes: Sizes, device: torch.device, folder: Path) -> Iterator[Row]:
    """ms of a step by size, rows and kind; × is the step over the time in which the card copies as many bytes.

    Profile and policy are the host's: while they decide, the device waits.
    """
    speed = copy_speed(sizes.copied, device)
    yield {"copy GB/s": speed / 1e9}
    for name, config in sizes.llamagen.items():
        if name not in sizes.stepped:
            continue
        pipe = llamagen_pipe(config, sizes, device)
        model: Any = pipe.model
        kinds = {"eager": sizes.rows, "captured": sizes.rows, "compiled": sizes.compiled.get(name, ())}
        for kind, every in kinds.items():
            if kind not in sizes.kinds:
                continue
            model.cuda_graphs = kind != "eager"
            if kind == "compiled" and every:
                model.compile()
            for rows in every:
                head: Row = {"model": name, "rows": rows, "kind": kind}
                yield head | _step(pipe, rows, device, speed)
        del pipe, model


def _step(pipe: ImagePipeline, rows: int, device: torch.device, speed: float) -> Row:
    start_peak(device)
    waking = seconds(lambda: warm_up(complete(pipe, rows)), device)
    stream = complete(pipe, rows, seed=1)
    step = step_seconds(stream, device)
    policy = stream.output.ledger.seconds["policy"] / (pipe.grids[0][0] * pipe.grids[0][1])
    moved = bytes_read(pipe.model, rows)  # type: ignore[arg-type]
    return {
        "ms a step": 1e3 * step,
        "profile and policy ms": 1e3 * policy,
        "their share": policy / step,
        "tokens a second": rows / 2 / step,
        "MB read": moved / 1e6,
        "× copying them": step / (moved / speed),
        "first steps s": waking,
        "peak GB": peak_gigabytes(device),
    }


def scaling_ar(sizes: Sizes, device: torch.device, folder: Path) -> Iterator[Row]:
    """Seconds of an image, decoded to pixels, by strategy."""
    pipe = llamagen_pipe(sizes.llamagen[sizes.main], sizes, device)
    for compiled in (False, True) if sizes.compiled else (False,):
        if compiled:
            pipe.model.compile()  # type: ignore[union-attr]
        for name, count in (("single", 1), ("random-of-n", sizes.trajectories), ("scaling-ar", sizes.trajectories)):
            strategy: Any = {"name": name, "num_trajectories": count}
            start_peak(device)
            waking = seconds(partial(pipe, PROMPT, strategy=strategy, seed=100), device)
            taken, output = median_run(partial(pipe, PROMPT, strategy=strategy, seed=1), device, sizes.repeats)
            ledger = output.ledger
            yield {
                "kind": "compiled" if compiled else "captured",
                "strategy": name,
                "N": count,
                "seconds": taken,
                "tokens": ledger.tokens,
                "first run s": waking,
                **{f"{phase} s": ledger.seconds.get(phase, 0.0) for phase in ("transformer", "policy", "sampling")},
                "select s": ledger.seconds.get("select", 0.0),
                "decode s": ledger.seconds.get("decode", 0.0),
                "peak GB": peak_gigabytes(device),
            }


def janus(sizes: Sizes, device: torch.device, folder: Path) -> Iterator[Row]:
    """Codes of 1 and 8 images by this package and by transformers' ``generate``, with one network.

    transformers' loop comes last: in some of its versions, 5.17 among them, ``generate`` of a Janus model fails.
    """
    network = janus_network(sizes, device)
    pipe = janus_pipe(network, device)
    ids = prompt_ids().to(device)
    codes = pipe.grids[0][0] * pipe.grids[0][1]
    ours: dict[int, float] = {}
    for images in (1, sizes.trajectories):
        draw = partial(pipe, PROMPT, strategy=Single(), num_images_per_prompt=images, output_type="codes")
        start_peak(device)
        warm_up(pipe.stream(PROMPT, strategy=Single(), num_images_per_prompt=images, output_type="codes"))
        ours[images], _ = median_run(partial(draw, seed=1), device, sizes.repeats)
        yield _generated("scalingar", images, codes, ours[images], ours[images], device)
    for images in (1, sizes.trajectories):
        call = partial(
            network.generate,
            ids,
            attention_mask=torch.ones_like(ids),
            generation_mode="image",
            guidance_scale=5,
            do_sample=True,
            num_return_sequences=images,
        )
        start_peak(device)
        with _FewerCodes(network):
            call()
        yield _generated("transformers", images, codes, seconds(call, device), ours[images], device)


def _generated(loop: str, images: int, codes: int, taken: float, ours: float, device: torch.device) -> Row:
    return {
        "loop": loop,
        "images": images,
        "codes": codes,
        "seconds": taken,
        "ms a step": 1e3 * taken / codes,
        "images a second": images / taken,
        "× scalingar's seconds": taken / ours,
        "peak GB": peak_gigabytes(device),
    }


class _FewerCodes:
    """Images of four codes inside the block, to wake transformers' loop up."""

    def __init__(self, network: Any) -> None:
        self.configs = [network.config.vision_config, network.model.vision_model.config]
        self.before = [config.num_image_tokens for config in self.configs]

    def __enter__(self) -> None:
        for config in self.configs:
            config.num_image_tokens = 4

    def __exit__(self, *error: object) -> None:
        for config, count in zip(self.configs, self.before, strict=True):
            config.num_image_tokens = count
