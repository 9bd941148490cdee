"""Teach a head that reads latents what scenes show: ``python -m training.verifier.latent_reader embedded``.

From prefixes of scenes of every length it learns, as the embedded reward does, which claims are true, what each cell
shows and which cells show each word. What reads the words begins as the reward's own.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.rewards.verifiers.latent_head import LatentHead, LatentHeadConfig
from training.checkpoint import Checkpoint
from training.judges.reward import AUXILIARY, gaze_targets, rows_of
from training.verifier.distil import teacher
from training.verifier.drawn.latent_scenes import LatentScenes
from training.verifier.drawn.prompts import MODELS
from training.workdir import add_work_dir, announce
from training.world.reward_pairs import Pairs

SIDE = 12
BATCH, HELD_OUT = 32, 256
Lesson = tuple[Tensor, Tensor, Pairs, Tensor]
"""Latents, how much is drawn, claims and labels, and which claims are taught."""


class Prefixes:
    """Latents of prefixes of a model's codes."""

    def __init__(self, model: str) -> None:
        pipe = ImagePipeline.from_pretrained(model)
        self.tokenizer: Any = pipe.tokenizer
        self.sides = [height for height, _ in pipe.grids] if model != "embedded" else []
        self.steps = len(self.sides) or SIDE**2
        self.shortest = 3 if self.sides else SIDE

    def lengths(self, rng: np.random.Generator, count: int) -> Tensor:
        """Steps of ``count`` prefixes, a quarter of them whole."""
        whole = rng.random(count) < 0.25
        return torch.from_numpy(np.where(whole, self.steps, rng.integers(self.shortest, self.steps, count)))

    @torch.no_grad()
    def __call__(self, codes: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """``(n, d, h, w)`` of the first ``lengths`` steps of codes ``(n, t)``, and how much is drawn ``(n, h, w)``."""
        codes = codes.long()
        if not self.sides:
            drawn = (torch.arange(SIDE**2) < lengths[:, None]).unflatten(1, (SIDE, SIDE)).float()
            return self.tokenizer.quantize.lookup(codes, (SIDE, SIDE)) * drawn[:, None], drawn
        latent = self.tokenizer.start(len(codes), "cpu")
        result, done = latent.clone(), 0
        for scale, side in enumerate(self.sides[: int(lengths.max())]):
            latent = self.tokenizer.accumulate(latent, codes[:, done : done + side**2, None], scale)
            done += side**2
            due = lengths == scale + 1
            result[due] = latent[due]
        return result, (lengths / self.steps).float()[:, None, None].expand(-1, SIDE, SIDE)


def begin(prefixes: Prefixes) -> LatentHead:
    """A head that reads words as the reward does."""
    head = LatentHead(LatentHeadConfig(steps=prefixes.steps))
    known = {name: weight for name, weight in teacher().state_dict().items() if not name.startswith("encoder")}
    missing = head.load_state_dict(known, strict=False)
    assert not missing.unexpected_keys
    return head


def losses_of(
    head: LatentHead, auxiliary: nn.Linear, latent: Tensor, drawn: Tensor, pairs: Pairs, taught: Tensor
) -> dict[str, Tensor]:
    """As of the reward: of the claims ``taught``, of what cells show, and of which cells show each word."""
    cells, chosen = head.cells(latent, drawn), taught.flatten()
    rows, words = rows_of(pairs)[chosen], pairs.words.flatten(0, 1)[chosen]
    names, colors = auxiliary(cells).flatten(0, 1).split(AUXILIARY, dim=-1)
    on = pairs.colors.flatten() >= 0
    targets, has_target = (part[chosen] for part in gaze_targets(pairs))
    logits = head.gaze(words, cells, rows)[has_target]
    gaze = F.binary_cross_entropy_with_logits(logits, targets[has_target], reduction="sum") / has_target.sum()
    return {
        "match": 2 * F.binary_cross_entropy_with_logits(head.match(words, cells, rows), pairs.truths.flatten()[chosen]),
        "class": F.cross_entropy(names, pairs.names.flatten()),
        "color": F.cross_entropy(colors[on], pairs.colors.flatten()[on]) * 0.3,
        "gaze": gaze * 0.5,
    }


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(5)  # for the initial weights only
    folder = args.work_dir / "verifier"
    scenes, prefixes = LatentScenes.load(folder / "scenes"), Prefixes(args.model)
    codes, taught = scenes.codes[args.model], len(scenes) - HELD_OUT
    head, auxiliary = begin(prefixes), nn.Linear(LatentHeadConfig(steps=1).width, sum(AUXILIARY))
    average = torch.optim.swa_utils.AveragedModel(head, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995))
    trained = [*head.parameters(), *auxiliary.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.02, fused=True)
    parts: dict[str, Any] = {"head": head, "scaffold": auxiliary, "average": average, "optimizer": optimizer}
    checkpoint = Checkpoint(folder / f"scenes-{args.model}.pt")
    step = checkpoint.restore(parts)

    def told() -> str:
        rows = np.arange(taught, len(scenes))
        return auc(cast(LatentHead, average.module), prefixes, codes[rows], scenes.pairs_of(rows))

    learn(args, parts, step, checkpoint, told, lambda rng: batch(rng, taught, scenes, codes, prefixes))


def batch(rng: np.random.Generator, taught: int, scenes: LatentScenes, codes: Tensor, prefixes: Prefixes) -> Lesson:
    """Prefixes of different lengths of some scenes, with the claims."""
    rows = rng.integers(0, taught, BATCH)
    latent, drawn = prefixes(codes[rows], prefixes.lengths(rng, BATCH))
    return latent, drawn, scenes.pairs_of(rows), scenes.taught[rows]


def learn(
    args: argparse.Namespace,
    parts: dict[str, Any],
    step: int,
    checkpoint: Checkpoint,
    told: Callable[[], str],
    batch_of: Callable[[np.random.Generator], Lesson],
) -> None:
    """The remaining steps; the rate falls linearly over the second half."""
    started, first, optimizer = time.monotonic(), step, parts["optimizer"]
    trained = [weight for group in optimizer.param_groups for weight in group["params"]]
    while step < args.steps:
        for group in optimizer.param_groups:
            group["lr"] = args.lr * min(1, (step + 1) / 100) * min(1, 2 * (args.steps - step) / args.steps)
        lesson = batch_of(np.random.default_rng((3, step)))
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            losses = losses_of(parts["head"], parts["scaffold"], *lesson)
        optimizer.zero_grad(set_to_none=True)
        torch.stack([loss.float() for loss in losses.values()]).sum().backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        parts["average"].update_parameters(parts["head"])
        step += 1
        if step % 100 == 0:
            pace = (time.monotonic() - started) / (step - first)
            shown = "  ".join(f"{name} {value.item():.3f}" for name, value in losses.items())
            announce(f"scenes {step}/{args.steps}  {shown}  {pace:.2f} s/step")
        if step % 500 == 0:
            announce(told())
        if checkpoint.due or step == args.steps:
            checkpoint.save_parts(step, parts)


@torch.inference_mode()
def auc(head: LatentHead, prefixes: Prefixes, codes: Tensor, pairs: Pairs) -> str:
    """How often an exactly true claim is above a false one, by the length of the prefix."""
    shares = []
    for share in (0.25, 0.5, 0.75, 1):
        lengths = torch.full((len(codes),), round(share * prefixes.steps))
        cells = head.cells(*prefixes(codes, lengths))
        values = head.match(pairs.words.flatten(0, 1), cells, rows_of(pairs)).view_as(pairs.truths)
        true, false = values[pairs.truths == 1], values[pairs.truths < 0.2]
        shares.append(f"{(true[:, None] > false[None]).float().mean():.3f} at {share:g}")
    return "AUC " + ", ".join(shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--bf16", action="store_true", help="products in bf16, where the processor has them")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
