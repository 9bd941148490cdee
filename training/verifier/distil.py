"""Teach a head that reads codes the reward of the finished image: ``python -m training.verifier.distil``.

Reads what :mod:`training.verifier.drawn.collect` stored; every fourth prompt is held out. First the cells learn
what the reward's encoder sees at their place in some decoded pictures; then all learns the reward, from prefixes of
every length: the order of a prompt's trajectories, and the value.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from scalingar.analysis.verifiers.examination import LENGTHS, pairs_right
from scalingar.core.files import replacing
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.rewards.match_net import MatchNet
from training.checkpoint import Checkpoint
from training.schedules import cosine
from training.verifier.code_reader import CodeReader
from training.verifier.drawn.prompts import SEED, examining, training_prompts, words_of
from training.verifier.drawn.stored import load
from training.verifier.ordering import loss_of
from training.verifier.probe import readings
from training.workdir import add_work_dir, announce

PROMPTS = 4
"""Of a step."""


def teacher() -> MatchNet:
    """The embedded reward's network."""
    network = getattr(ImagePipeline.from_pretrained("embedded").reward("embedded"), "network")  # noqa: B009
    assert isinstance(network, MatchNet)
    return network


def seen_patches(folder: Path, codes: Tensor, count: int) -> Tensor:
    """What the reward's encoder sees of the first ``count`` trajectories, 32 to a file; resumes where it stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    pipe, network = ImagePipeline.from_pretrained("embedded"), teacher()
    parts = []
    for first in range(0, count, 32):
        path = folder / f"{first:05d}.npy"
        if not path.exists():
            with torch.inference_mode():
                images = pipe.decode(codes[first : first + 32])
                levels = ((images.clamp(-1, 1) + 1) * 127.5).round()
                seen = network.patches(levels / 127.5 - 1).half()
            with replacing(path) as partial, partial.open("wb") as file:
                np.save(file, seen.numpy())
            announce(f"saw {first + 32} of {count}")
        parts.append(torch.from_numpy(np.load(path)))
    return torch.cat(parts)


def begin(codes: Tensor, patches: Tensor, entries: int) -> CodeReader:
    """A head whose codes stand for the mean of what the reward sees at them."""
    network = teacher()
    head = CodeReader(network.config, entries)
    head.match.load_state_dict(network.state_dict(), strict=False)
    flat, seen = codes.flatten(), patches.float().flatten(0, 1)
    total = torch.zeros(entries, seen.shape[1]).index_add_(0, flat, seen)
    counts = torch.zeros(entries).index_add_(0, flat, torch.ones(len(flat)))
    mean = seen.mean(0)
    with torch.no_grad():
        head.codes.weight.copy_((total + 2 * mean) / (counts[:, None] + 2))
        head.blank.copy_(mean)
    return head


def imitate(head: CodeReader, codes: Tensor, patches: Tensor, args: argparse.Namespace) -> None:
    """Let each cell of whole images say what the reward's encoder sees there."""
    parts = [head.codes, head.around]
    weights = [weight for part in parts for weight in part.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=2e-3, weight_decay=0.01)
    checkpoint = Checkpoint(args.work_dir / "verifier" / "imitate.pt")
    step = checkpoint.restore({"head": head, "optimizer": optimizer})
    while step < args.first_steps:
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, args.first_steps, 2e-3, warmup=20, floor=0.05)
        rng = np.random.default_rng((31, step))
        rows = torch.from_numpy(rng.choice(len(patches), 16, replace=False))
        loss = F.mse_loss(head.patches(codes[rows], torch.ones(16, 144, dtype=torch.bool)), patches[rows].float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 50 == 0:
            announce(f"imitate {step}/{args.first_steps}  {loss.item() / patches.float().var().item():.3f}")
        if step == args.first_steps or checkpoint.due:
            checkpoint.save_parts(step, {"head": head, "optimizer": optimizer})


def values_of(head: CodeReader, codes: Tensor, words: Tensor) -> np.ndarray:
    """``(p, n, k)`` of prompts' trajectories at :data:`LENGTHS`."""
    head.eval()
    result = np.zeros((*codes.shape[:2], len(LENGTHS)))
    with torch.inference_mode():
        for prompt in range(len(codes)):
            for place, share in enumerate(LENGTHS):
                drawn = (torch.arange(144) < round(share * 144)).expand(codes.shape[1], -1)
                row = head(codes[prompt], drawn, words[prompt].expand(codes.shape[1], -1))
                result[prompt, :, place] = row.numpy()
    head.train()
    return result


def lesson(head: CodeReader, codes: Tensor, words: Tensor, reward: Tensor, rng: np.random.Generator) -> Tensor:
    """The loss of :data:`PROMPTS`, each at one length, most of them short of the whole."""
    prompts = torch.from_numpy(rng.choice(len(codes), PROMPTS, replace=False))
    count = codes.shape[1]
    lengths = np.where(rng.random(PROMPTS) < 0.2, 144, rng.integers(12, 144, PROMPTS))
    drawn = torch.arange(144) < torch.from_numpy(lengths)[:, None]
    value = head(
        codes[prompts].flatten(0, 1), drawn.repeat_interleave(count, 0), words[prompts].repeat_interleave(count, 0)
    ).unflatten(0, (PROMPTS, count))
    return loss_of(value, reward[prompts])


def learn(head: CodeReader, data: dict[str, Tensor], held: dict[str, np.ndarray], args: argparse.Namespace) -> None:
    """Order and value of prefixes of every length."""
    optimizer = torch.optim.AdamW(head.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.1)
    average: Any = torch.optim.swa_utils.AveragedModel(
        head, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98)
    )
    parts: dict[str, Any] = {"head": head, "average": average, "optimizer": optimizer}
    checkpoint = Checkpoint(args.work_dir / "verifier" / "distil.pt", minutes=2)
    step = checkpoint.restore(parts)
    while step < args.steps:
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, args.steps, args.lr, warmup=10, floor=0.05)
        loss = lesson(head, data["codes"], data["words"], data["reward"], np.random.default_rng((37, step)))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(head)
        step += 1
        if step % 10 == 0:
            announce(f"distil {step}/{args.steps}  {loss.item():.3f}")
        if step == args.steps or checkpoint.due:
            checkpoint.save_parts(step, parts)
    report(average.module, held)


def report(head: CodeReader, held: dict[str, Any]) -> None:
    """Shares of right pairs of held-out prompts, by the reward and by the detector."""
    values = values_of(head, held["codes"], held["words"])
    for name, table in (("head", values), *held["others"]().items()):
        for truth in ("reward", "right"):
            shares = [pairs_right(table[:, :, place], held[truth]) for place in range(len(LENGTHS))]
            cells = [f"{part.mean():6.1%} ± {1.96 * part.std() / math.sqrt(len(part)):.1%}" for part in shares]
            announce(f"  {name:24s} {truth:7s} {'  '.join(cells)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--prompts", type=int, default=392, help="that `collect` drew")
    parser.add_argument("--seed", type=int, default=SEED["embedded"], help="of the prompts")
    parser.add_argument("--seen", type=int, default=192, help="trajectories whose pictures the cells imitate")
    parser.add_argument("--first-steps", type=int, default=200)
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--lr", type=float, default=6e-4)
    args = parser.parse_args()
    torch.manual_seed(5)  # for the initial weights only
    stored = load(args.work_dir / "verifier" / "states")
    prompts = training_prompts(args.prompts, args.seed)[: len(stored["reward"])]
    words = words_of(prompts)
    codes = torch.from_numpy(stored["codes"].astype(np.int64))
    test = examining(len(prompts)).numpy()

    def others() -> dict[str, np.ndarray]:
        return {name: table[test] for name, table in readings(stored).items()}

    held: dict[str, Any] = {"codes": codes[test], "words": words[test], "others": others}
    held |= {name: stored[name][test] for name in ("reward", "right")}
    taught = {"codes": codes[~test], "words": words[~test], "reward": torch.from_numpy(stored["reward"][~test])}
    whole = taught["codes"].flatten(0, 1)[torch.randperm(int((~test).sum()) * codes.shape[1])]
    patches = seen_patches(args.work_dir / "verifier" / "patches", whole, args.seen)
    head = begin(whole[: args.seen], patches, 1024)
    announce(f"{sum(weight.numel() for weight in head.parameters())} weights")
    imitate(head, whole[: args.seen], patches, args)
    learn(head, taught, held, args)


if __name__ == "__main__":
    main()
