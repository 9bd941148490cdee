"""Codes of one device judged by another: which it would draw, and how close the two best of each race are."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.decoding.device_noise import DeviceNoise
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.decoding.sampling import filter_logits
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.profile.statistics.guidance import guide
from scalingar.strategies.engine.starts import Streams

STREAMS: dict[str, Streams] = {"host": TrajectoryNoise.for_prompts, "device": DeviceNoise.for_prompts}
"""By where noise is drawn."""
TIE = 1e-4
"""Two values of p / E closer than this, relatively, may change places by rounding."""


@torch.inference_mode()
def forced(
    pipe: ImagePipeline,
    prompts: Sequence[str],
    drawn: Int[Tensor, "n t"],
    seeds: Sequence[int],
    count: int,
    streams: Streams = TrajectoryNoise.for_prompts,
) -> tuple[Int[Tensor, "n t"], Float[Tensor, "n t"], list[Float[Tensor, "n *l v"]]]:
    """Feed these codes of ``count`` trajectories of each prompt, on their streams.

    Returns the codes it would have drawn itself, 1 - second / best of every race, and the conditional log-probabilities
    of every step, all on the CPU.
    """
    decoder: Any = pipe.decoder(pipe.sampling)
    indices = [list(range(count)) for _ in prompts]
    condition = pipe.model.condition(*pipe.encode_prompts(list(prompts)))
    live = decoder.start(condition, indices, streams(seeds, indices), branches=2)
    own, gaps, log_probs, done = [], [], [], 0
    while True:
        log_probs.append(live.branches[0].float().log_softmax(-1).cpu())
        mine = decoder.draw(live, pipe.guidance_scale)
        gaps.append(_gaps(decoder, live, pipe.guidance_scale).cpu())
        own.append(mine.flatten(1).cpu() if mine.ndim > 1 else mine[:, None].cpu())
        width = own[-1].shape[1]
        live = decoder.append(live, drawn[:, done : done + width].to(mine.device).view_as(mine))
        done += width
        if bool(live.finished.all()):
            return torch.cat(own, 1), torch.cat(gaps, 1), log_probs
        live = decoder.advance(live)


def _gaps(decoder: Any, live: Any, guidance_scale: float) -> Float[Tensor, "n c"]:
    strength = decoder.scale_at(live.positions, guidance_scale)
    logits = guide(live.branches, strength)
    flat = filter_logits(logits.flatten(0, -2), decoder.sampling)
    noise = live.noise.exponential(live.positions, logits[0].numel(), logits.device)
    best, second = (flat.softmax(-1) / noise.view_as(flat)).topk(2).values.unbind(-1)
    return (1 - second / best).view(len(logits), -1)


def check_codes(
    cpu: ImagePipeline,
    prompts: Sequence[str],
    seeds: Sequence[int],
    mine: Int[Tensor, "n t"],
    theirs: Int[Tensor, "n t"],
    streams: Streams,
) -> None:
    """``theirs``, drawn freely on a device, are ``mine`` of the CPU; a trajectory may leave its twin at a tie only."""
    if torch.equal(mine, theirs):
        return
    count = len(mine) // len(prompts)
    gaps = forced(cpu, prompts, mine, seeds, count, streams)[1]
    for row in (mine != theirs).any(1).nonzero().flatten().tolist():
        first = int((mine[row] != theirs[row]).nonzero()[0])
        assert gaps[row, first] < TIE, f"trajectory {row} leaves the CPU's at code {first}, where there is no tie"
