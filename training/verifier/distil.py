"""Teach a head that reads codes the reward of the finished image: ``python -m training.verifier.distil``.

Reads what :mod:`training.verifier.drawn.collect` stored; every fourth prompt is held out. First the cells learn
what the reward's encoder sees at their place in some decoded pictures; then all learns the reward, from prefixes of
every length: the order of a prompt's trajectories, and the value.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor

from scalingar.analysis.verifiers.examination import LENGTHS, pairs_right
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.rewards.match_net import MatchNet
from training.checkpoint import Checkpoint
from training.schedules import cosine
from training.verifier.code_reader import CodeReader
from training.verifier.drawn.parts import STATES
from training.verifier.drawn.prompts import examining, words_of
from training.verifier.margin import with_margin
from training.verifier.ordering import loss_of
from training.verifier.probe import readings
from training.verifier.seen import remembered
from training.workdir import add_work_dir, announce

PROMPTS = 4
"""Of a step."""


def teacher() -> MatchNet:
    """The embedded reward's network."""
    network = getattr(ImagePipeline.from_pretrained("embedded").reward("embedded"), "network")  # noqa: B009
    assert isinstance(network, MatchNet)
    return network


def seen_patches(folder: Path, codes: Tensor) -> Tensor:
    """What the reward's encoder sees of trajectories ``(n, t)``, 32 to a file; resumes where it stopped."""
    pipe, network = ImagePipeline.from_pretrained("embedded"), teacher()

    def see(part: Tensor) -> Tensor:
        levels = ((pipe.decode(part).clamp(-1, 1) + 1) * 127.5).round()
        return network.patches(levels / 127.5 - 1).half()

    return torch.cat([remembered(folder, part, see) for part in track(codes.split(32), description="looking")])


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
            announce(f"  {name:24s} {truth:7s}" + "".join(f"{with_margin(part):>15s}" for part in shares))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--seen", type=int, default=192, help="trajectories whose pictures the cells imitate")
    parser.add_argument("--first-steps", type=int, default=200)
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--lr", type=float, default=6e-4)
    args = parser.parse_args()
    torch.manual_seed(5)  # for the initial weights only
    stored = STATES.load(args.work_dir)
    columns, words = stored.columns, words_of(stored.prompts)
    codes = torch.from_numpy(columns["codes"].astype(np.int64))
    test = examining(len(codes)).numpy()

    def others() -> dict[str, np.ndarray]:
        return {name: table[test] for name, table in readings(columns).items()}

    held: dict[str, Any] = {"codes": codes[test], "words": words[test], "others": others}
    held |= {name: columns[name][test] for name in ("reward", "right")}
    taught = {"codes": codes[~test], "words": words[~test], "reward": torch.from_numpy(columns["reward"][~test])}
    whole = taught["codes"].flatten(0, 1)
    some = whole[torch.randperm(len(whole))[: args.seen]]
    patches = seen_patches(args.work_dir / "verifier" / "patches", some)
    head = begin(some, patches, 1024)
    announce(f"{sum(weight.numel() for weight in head.parameters())} weights")
    imitate(head, some, patches, args)
    learn(head, taught, held, args)


if __name__ == "__main__":
    main()
