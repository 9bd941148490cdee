"""Train the embedded detector on degraded and damaged scenes: ``python -m training.judges.detector``.

It has only the drawings in common with the generator and the reward: no samples, no tokenizer, no weights.
"""

import argparse
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from scalingar.bench.judges.detectors.center_net import CenterNet, CenterNetConfig, Heads
from training.checkpoint import Checkpoint
from training.generators.tokenizer import to_channels_last, to_tensor
from training.schedules import cosine
from training.workdir import add_work_dir, announce
from training.world.detector_scenes import Targets, draw
from training.world.scenes import Sprites
from training.writing import replaced

CONFIG = CenterNetConfig()
HELD_OUT = 256
"""Scenes of the progress report, degraded and damaged like those of the training."""


def batch(seed: int, step: int, count: int, sprites: Sprites) -> tuple[Tensor, Targets]:
    """Pictures ``(count, 3, SIZE, SIZE)`` and stacked targets, which depend on ``(seed, step)`` only."""
    rng = np.random.default_rng((seed, step))
    pictures, targets = zip(*(draw(rng, sprites) for _ in range(count)), strict=True)
    return to_tensor(np.stack(pictures)), Targets(*(torch.stack(part) for part in zip(*targets, strict=True)))


def loss_of(heads: Heads, targets: Targets) -> dict[str, Tensor]:
    """Losses of objectness over all cells, and of class, colour and sides where there is an object; per object."""
    full = targets.objectness > 0
    count = full.sum().clamp_min(1)
    objectness = F.binary_cross_entropy_with_logits(
        heads.objectness, targets.objectness, targets.weight, reduction="sum"
    )
    classes = F.cross_entropy(heads.classes.movedim(1, -1)[full], targets.name[full], reduction="sum")
    colors = F.cross_entropy(heads.colors.movedim(1, -1)[full], targets.color[full], reduction="sum")
    sides = F.smooth_l1_loss(heads.sides.movedim(1, -1)[full], targets.sides.movedim(1, -1)[full], reduction="sum")
    parts = {"object": objectness, "class": classes, "color": colors, "sides": sides}
    return {name: value / count for name, value in parts.items()}


def learning_rate(step: int, steps: int, peak: float) -> float:
    return cosine(step, steps, peak, warmup=150, floor=0.01)


def train(args: argparse.Namespace) -> None:
    sprites = Sprites(args.work_dir / "art.npz")
    torch.manual_seed(args.seed)  # for the initial weights only
    model = CenterNet(CONFIG)
    to_channels_last(model)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.997), use_buffers=True
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.02, fused=True)
    parts: dict[str, Any] = {"model": model, "average": average, "optimizer": optimizer}
    checkpoint = Checkpoint(args.work_dir / "detector.pt")
    step = checkpoint.restore(parts)
    held_out = batch(args.seed, 1_000_003, HELD_OUT, sprites)
    started, first = time.monotonic(), step
    while step < args.steps:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args.steps, args.lr)
        images, targets = batch(args.seed, step, args.batch, sprites)
        losses = loss_of(model(images.contiguous(memory_format=torch.channels_last)), targets)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        average.update_parameters(model)
        step += 1
        if step % 50 == 0:
            pace = (time.monotonic() - started) / (step - first)
            values = "  ".join(f"{name} {value.item():.3f}" for name, value in losses.items())
            announce(f"detector {step}/{args.steps}  {values}  {pace:.2f} s/step")
        if step % 500 == 0 or step == args.steps:
            report(cast(CenterNet, average.module), held_out, step, args.work_dir)
        if checkpoint.due or step == args.steps:
            checkpoint.save_parts(step, parts)


def report(model: CenterNet, held_out: tuple[Tensor, Targets], step: int, work_dir: Path) -> None:
    """Save the averaged weights; print shares of objects found and named correctly, and false detections per scene."""
    images, targets = held_out
    model.eval()
    with torch.inference_mode():
        heads = Heads(*(torch.cat(part) for part in zip(*(model(x) for x in images.split(32)), strict=True)))
    model.train()
    full, empty = targets.objectness > 0, (targets.objectness == 0) & (targets.weight == 1)
    detected = heads.objectness > 0
    right_class = heads.classes.argmax(1) == targets.name
    right_color = heads.colors.argmax(1) == targets.color
    announce(
        f"detector {step}: found {detected[full].float().mean():.3f}  class {right_class[full].float().mean():.3f}  "
        f"colour {right_color[full].float().mean():.3f}  false {detected[empty].sum() / len(images):.3f} a scene"
    )
    with replaced(work_dir / "detector.weights.pt") as file:
        torch.save({"config": CONFIG.model_dump(), "model": model.state_dict(), "step": step}, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--steps", type=int, default=2100)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=11)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
