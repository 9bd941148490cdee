"""Train the embedded reward on pictures with six claims each: ``python -m training.judges.reward``.

It is independent of the detector: another architecture, other damage and degradation, other seeds. It is trained to
tell what every patch shows (an auxiliary task), which patches show each word of a claim, and whether the claim is true.
"""

import argparse
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scalingar.models.embedded.grammar import TERMINALS
from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES
from scalingar.rewards.match_net import MatchNet, MatchNetConfig
from training.checkpoint import Checkpoint
from training.generators.tokenizer import to_channels_last, to_tensor
from training.judges.detector import learning_rate
from training.workdir import add_work_dir, announce
from training.world.reward_pairs import BROKEN, OWN, Pairs, draw
from training.world.scenes import Sprites
from training.writing import replaced

CONFIG = MatchNetConfig()
HELD_OUT = 192
AUXILIARY = (BROKEN + 1, OWN + 1)
"""Outputs per patch in the auxiliary task: classes and colours."""
FIRST_COLOR, FIRST_CLASS = TERMINALS.index(COLORS[0]), len(TERMINALS) - len(OBJECT_CLASSES)


def batch(seed: int, step: int, count: int, sprites: Sprites) -> tuple[Tensor, Pairs]:
    """Pictures ``(count, 3, SIZE, SIZE)`` and claims about them, which depend on ``(seed, step)`` only."""
    rng = np.random.default_rng((seed, step))
    pictures, pairs = zip(*(draw(rng, sprites) for _ in range(count)), strict=True)
    return to_tensor(np.stack(pictures)), Pairs(*(torch.stack(part) for part in zip(*pairs, strict=True)))


def rows_of(pairs: Pairs) -> Tensor:
    """The picture of each claim."""
    return torch.arange(len(pairs.words)).repeat_interleave(pairs.words.shape[1])


def gaze_targets(pairs: Pairs) -> tuple[Tensor, Tensor]:
    """The patches that show each word, ``(m, t + 1, p)``: for a class object centres, for a colour whole objects.

    Slot 0 has the centres of all objects. The second tensor, ``(m, t + 1)``, tells which slots have a target.
    """
    rows, words = rows_of(pairs), pairs.words.flatten(0, 1)[..., None]
    middles = pairs.middles[rows][:, None]
    a_class, a_color = words >= FIRST_CLASS, (words >= FIRST_COLOR) & (words < FIRST_CLASS)
    shown = a_class & middles & (pairs.names[rows][:, None] == words - FIRST_CLASS)
    painted = a_color & (pairs.colors[rows][:, None] == words - FIRST_COLOR)
    has_target = torch.cat([torch.ones_like(a_class[:, :1]), a_class | a_color], 1)[..., 0]
    return torch.cat([middles, shown | painted], 1).float(), has_target


def loss_of(model: MatchNet, auxiliary: nn.Linear, images: Tensor, pairs: Pairs) -> dict[str, Tensor]:
    """Cross entropies of the claims, of what patches show, and of which patches show each word."""
    patches, rows, words = model.patches(images), rows_of(pairs), pairs.words.flatten(0, 1)
    names, colors = auxiliary(patches).flatten(0, 1).split(AUXILIARY, dim=-1)
    on = pairs.colors.flatten() >= 0
    targets, has_target = gaze_targets(pairs)
    logits = model.gaze(words, patches, rows)[has_target]
    gaze = F.binary_cross_entropy_with_logits(logits, targets[has_target], reduction="sum")
    return {
        "match": 2 * F.binary_cross_entropy_with_logits(model.match(words, patches, rows), pairs.truths.flatten()),
        "class": F.cross_entropy(names, pairs.names.flatten()),
        "color": F.cross_entropy(colors[on], pairs.colors.flatten()[on]) * 0.3,
        "gaze": gaze / has_target.sum(),
    }


def train(args: argparse.Namespace) -> None:
    sprites = Sprites(args.work_dir / "art.npz")
    torch.manual_seed(args.seed)  # for the initial weights only
    model = MatchNet(CONFIG)
    auxiliary = nn.Linear(CONFIG.widths[2], sum(AUXILIARY))
    to_channels_last(model)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.997), use_buffers=True
    )
    trained = [*model.parameters(), *auxiliary.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.02, fused=True)
    parts: dict[str, Any] = {"model": model, "scaffold": auxiliary, "average": average, "optimizer": optimizer}
    checkpoint = Checkpoint(args.work_dir / "reward.pt")
    step = checkpoint.restore(parts)
    held_out = batch(args.seed, 1_000_003, HELD_OUT, sprites)
    started, first = time.monotonic(), step
    while step < args.steps:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args.steps, args.lr)
        images, pairs = batch(args.seed, step, args.batch, sprites)
        losses = loss_of(model, auxiliary, images.contiguous(memory_format=torch.channels_last), pairs)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        average.update_parameters(model)
        step += 1
        if step % 50 == 0:
            pace = (time.monotonic() - started) / (step - first)
            values = "  ".join(f"{name} {value.item():.3f}" for name, value in losses.items())
            announce(f"reward {step}/{args.steps}  {values}  {pace:.2f} s/step")
        if step % 500 == 0 or step == args.steps:
            report(cast(MatchNet, average.module), held_out, step, args.work_dir)
        if checkpoint.due or step == args.steps:
            checkpoint.save_parts(step, parts)


def report(model: MatchNet, held_out: tuple[Tensor, Pairs], step: int, work_dir: Path) -> None:
    """Save the averaged weights; print how often an exactly true claim scores above a false one."""
    images, pairs = held_out
    model.eval()
    with torch.inference_mode():
        patches = torch.cat([model.patches(part) for part in images.split(32)])
        logits = model.match(pairs.words.flatten(0, 1), patches, rows_of(pairs)).view_as(pairs.truths)
    model.train()
    true, false = logits[pairs.truths == 1], logits[pairs.truths < 0.2]
    ranked = (true[:, None] > false[None]).float().mean()
    right = (logits[pairs.truths != 0.3] > 0) == (pairs.truths[pairs.truths != 0.3] == 1)
    announce(f"reward {step}: AUC {ranked:.4f}  right at p = 1/2 {right.float().mean():.3f}")
    with replaced(work_dir / "reward.weights.pt") as file:
        torch.save({"config": CONFIG.model_dump(), "model": model.state_dict(), "step": step}, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=23)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
