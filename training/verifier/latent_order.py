"""Teach a head that knows scenes the order of images: ``python -m training.verifier.latent_order embedded``.

It begins as :mod:`training.verifier.latent_reader` left it. Of each prompt that :mod:`~training.verifier.drawn.collect`
or :mod:`~training.verifier.drawn.outcomes` drew, it learns from prefixes of every length which trajectories end better,
by the reward, as ``--label soft`` by the mean reward of all completions of the prefix
(:mod:`~training.verifier.drawn.completions`), or as ``--label detector`` by the detector; scenes go on beside them, so
that it does not learn few prompts by heart. Every fourth prompt is held out, and only examined.
"""

import argparse
import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from scalingar.analysis.verifiers.examination import LENGTHS, Table, pairs_right
from scalingar.rewards.verifiers.latent_head import LatentHead, LatentHeadConfig
from training.checkpoint import Checkpoint
from training.judges.reward import AUXILIARY
from training.schedules import cosine
from training.verifier.drawn.completions import Soft
from training.verifier.drawn.latent_scenes import LatentScenes
from training.verifier.drawn.prompts import MODELS, examining
from training.verifier.drawn.stored import Outcomes
from training.verifier.latent_reader import Prefixes, batch, begin, losses_of
from training.verifier.margin import with_margin
from training.verifier.ordering import loss_of
from training.workdir import add_work_dir, announce

TOGETHER = 6
"""Prompts of a step."""
LABELS = ("reward", "soft", "detector")


def values_at(head: LatentHead, outcomes: Outcomes, prefixes: Prefixes, steps: Sequence[int]) -> Table:
    """``(p, n, k)`` of prefixes of so many steps."""
    head.eval()
    count = outcomes.codes.shape[1]
    result = np.zeros((*outcomes.reward.shape, len(steps)))
    with torch.inference_mode():
        for prompt, (codes, words) in enumerate(zip(outcomes.codes, outcomes.words, strict=True)):
            for place, step in enumerate(steps):
                latent = prefixes(codes, torch.full((count,), step))
                result[prompt, :, place] = head(*latent, words.expand(count, -1)).numpy()
    head.train()
    return result


def values_of(head: LatentHead, outcomes: Outcomes, prefixes: Prefixes) -> Table:
    """``(p, n, k)`` at :data:`LENGTHS`."""
    return values_at(head, outcomes, prefixes, [math.ceil(share * prefixes.steps) for share in LENGTHS])


def order_loss(
    head: LatentHead, taught: Outcomes, prefixes: Prefixes, rng: np.random.Generator, label: str, soft: Soft | None
) -> Tensor:
    """Of :data:`TOGETHER` prompts, each at one length."""
    chosen = torch.from_numpy(rng.choice(len(taught), TOGETHER, replace=False))
    count = taught.codes.shape[1]
    lengths = prefixes.lengths(rng, TOGETHER)
    latent = prefixes(taught.codes[chosen].flatten(0, 1), lengths.repeat_interleave(count))
    value = head(*latent, taught.words[chosen].repeat_interleave(count, 0)).float().unflatten(0, (TOGETHER, count))
    if soft is not None:
        return loss_of(value, soft.of(chosen, lengths))
    wanted = taught.reward if label == "reward" else 4 * taught.right - 2
    return loss_of(value, wanted[chosen])


def told(values: Table, outcomes: Outcomes) -> str:
    """Shares of right pairs at :data:`LENGTHS`, by the reward and by the detector, with 95 % intervals over prompts."""
    lines = []
    for name, truth in (("reward", outcomes.reward), ("detector", outcomes.right)):
        parts = [pairs_right(values[:, :, place], truth.numpy()) for place in range(len(LENGTHS))]
        lines.append(f"  {name:9s}" + "".join(f"{with_margin(part):>15s}" for part in parts))
    best = np.take_along_axis(outcomes.right.numpy(), values[:, :, -1].argmax(1)[:, None], 1).mean()
    return "\n".join(lines) + f"\n  the detector finds right {best:.3f} of the chosen"


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(6)  # for the auxiliary layer's initial weights only, which the checkpoint replaces
    folder = args.work_dir / "verifier"
    prefixes, scenes, outcomes = Prefixes(args.model), LatentScenes.load(folder / "scenes"), Outcomes.drawn(args)
    test = examining(len(outcomes))
    soft = None
    if args.label == "soft":
        soft = Soft.drawn(args.work_dir, args.model, outcomes).some(~test)
    taught, held = outcomes.some(~test), outcomes.some(test)
    head, auxiliary = begin(prefixes), nn.Linear(LatentHeadConfig(steps=1).width, sum(AUXILIARY))
    known = Checkpoint(folder / f"scenes-{args.model}.pt").load()
    if known is None:
        raise SystemExit(f"{folder} holds no head that knows scenes; run `python -m training.verifier.latent_reader`")
    averaged = torch.optim.swa_utils.AveragedModel(head)
    averaged.load_state_dict(known["average"])
    head.load_state_dict(averaged.module.state_dict())
    auxiliary.load_state_dict(known["scaffold"])
    average = torch.optim.swa_utils.AveragedModel(head, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99))
    trained = [*head.parameters(), *auxiliary.parameters()]
    optimizer = torch.optim.AdamW(trained, args.lr, weight_decay=0.02, betas=(0.9, 0.98), fused=True)
    parts: dict[str, Any] = {"head": head, "scaffold": auxiliary, "average": average, "optimizer": optimizer}
    checkpoint = Checkpoint(folder / f"order-{args.model}-{args.label}.pt")
    step, losses = checkpoint.restore(parts), list[float]()
    announce(f"{len(taught)} prompts teach, {len(held)} examine; confidence:\n{told(held.confidence, held)}")
    announce(f"untaught:\n{told(values_of(cast(LatentHead, average.module), held, prefixes), held)}")
    while step < args.steps:
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, args.steps, args.lr, warmup=50, floor=0.05)
        rng = np.random.default_rng((9, step))
        lesson = batch(rng, len(scenes), scenes, scenes.codes[args.model], prefixes)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            known_losses = losses_of(head, auxiliary, *lesson)
            ordered = order_loss(head, taught, prefixes, rng, args.label, soft)
        optimizer.zero_grad(set_to_none=True)
        (torch.stack([loss.float() for loss in known_losses.values()]).sum() + 2 * ordered).backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        average.update_parameters(head)
        losses.append(ordered.item())
        step += 1
        if step % 200 == 0:
            values = values_of(cast(LatentHead, average.module), held, prefixes)
            announce(f"order {step}/{args.steps}  {np.mean(losses[-200:]):.3f}\n{told(values, held)}")
        if checkpoint.due or step == args.steps:
            checkpoint.save_parts(step, parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--label", choices=LABELS, default=LABELS[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--bf16", action="store_true", help="products in bf16, where the processor has them")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
