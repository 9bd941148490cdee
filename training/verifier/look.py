"""Teach the embedded reward to look at half-drawn pictures: ``python -m training.verifier.look``.

Reads what :mod:`training.verifier.drawn.collect` stored; every fourth prompt is held out. A prefix is decoded with its
rows repeated below it; of what the reward's encoder sees only the drawn rows are kept, and a learned blank stands for
the others. The encoder stays as it is, what reads it learns the order of a prompt's trajectories by their finished
rewards.
"""

import argparse
import copy
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor, nn

from scalingar.analysis.verifiers.examination import pairs_right
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.policy.filling import repeated
from scalingar.rewards.match_net import MatchNet
from training.schedules import cosine
from training.verifier.distil import PROMPTS, teacher
from training.verifier.drawn.parts import STATES
from training.verifier.drawn.prompts import examining, words_of
from training.verifier.margin import with_margin
from training.verifier.ordering import loss_of
from training.verifier.seen import remembered
from training.workdir import add_work_dir, announce

SIDE = 12
"""Codes of a row, and rows."""
TOGETHER = 32
"""Pictures decoded at once."""


class Look(nn.Module):
    """The reward over the first rows of pictures."""

    def __init__(self, network: MatchNet, blank: Tensor) -> None:
        super().__init__()
        self.match = copy.deepcopy(network).requires_grad_(True)
        self.match.encoder = nn.Sequential()
        self.blank = nn.Parameter(blank.clone())

    def forward(self, patches: Tensor, words: Tensor) -> Tensor:
        """One value per row of ``patches``, ``(n, p, c)``, which begin at the top."""
        missing = self.blank.expand(len(patches), SIDE**2 - patches.shape[1], -1)
        return self.match.match(words, torch.cat([patches, missing], 1), torch.arange(len(patches)))


def seen(folder: Path, codes: Tensor, rows: int) -> Tensor:
    """What the reward's encoder sees of the first ``rows``, ``(n, p, c)`` in fp16; resumes where it stopped."""
    pipe, network = ImagePipeline.from_pretrained("embedded"), teacher()

    def see(prefixes: Tensor) -> Tensor:
        pictures = pipe.decode(torch.stack([repeated(one, SIDE**2) for one in prefixes]))
        levels = ((pictures.clamp(-1, 1) + 1) * 127.5).round()
        return network.patches(levels / 127.5 - 1)[:, : rows * SIDE].half()

    parts = track(codes[:, : rows * SIDE].split(TOGETHER), description=f"looking at {rows} rows")
    return torch.cat([remembered(folder, part, see) for part in parts])


def values_of(look: Look, patches: Tensor, words: Tensor) -> np.ndarray:
    """``(p, n)`` of prompts' trajectories."""
    look.eval()
    with torch.inference_mode():
        values = [look(own.float(), word.expand(len(own), -1)) for own, word in zip(patches, words, strict=True)]
    look.train()
    return torch.stack(values).numpy()


def told(values: np.ndarray, truths: dict[str, np.ndarray]) -> str:
    """Shares of right pairs by each truth, with 95 % intervals over prompts."""
    shares = {name: pairs_right(values, truth) for name, truth in truths.items()}
    return ", ".join(f"{name} {with_margin(part)}" for name, part in shares.items())


def learn(look: Look, taught: dict[str, Tensor], held: dict[str, Tensor], args: argparse.Namespace) -> None:
    """The order of each prompt's trajectories; what is held out is examined on the way, and chooses nothing."""
    truths = {name: held[name].numpy() for name in ("reward", "right")}
    announce(f"untaught: {told(values_of(look, held['patches'], held['words']), truths)}")
    optimizer = torch.optim.AdamW(look.parameters(), args.lr, weight_decay=0.05, betas=(0.9, 0.98))
    losses: list[float] = []
    for step in range(args.steps):
        for group in optimizer.param_groups:
            group["lr"] = cosine(step, args.steps, args.lr, warmup=20, floor=0.05)
        chosen = torch.from_numpy(np.random.default_rng((5, step)).choice(len(taught["words"]), PROMPTS, replace=False))
        patches, reward = taught["patches"][chosen].float(), taught["reward"][chosen]
        words = taught["words"][chosen].repeat_interleave(patches.shape[1], 0)
        value = look(patches.flatten(0, 1), words).unflatten(0, reward.shape)
        loss = loss_of(value, reward)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(look.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % 200 == 0:
            values = values_of(look, held["patches"], held["words"])
            announce(f"step {step + 1}, loss {np.mean(losses[-200:]):.2f}: {told(values, truths)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--rows", type=int, default=6, help=f"of {SIDE} that are drawn")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--lr", type=float, default=5e-4)
    args = parser.parse_args()
    stored = STATES.load(args.work_dir)
    codes = torch.from_numpy(stored.columns["codes"].astype(np.int64))
    patches = seen(args.work_dir / "verifier" / "rows", codes.flatten(0, 1), args.rows).unflatten(0, codes.shape[:2])
    data = {"patches": patches, "words": words_of(stored.prompts)}
    data |= {name: torch.from_numpy(stored.columns[name]).float() for name in ("reward", "right")}
    test = examining(len(codes))
    taught, held = ({name: part[rows] for name, part in data.items()} for rows in (~test, test))
    learn(Look(teacher(), taught["patches"][:40].float().mean((0, 1, 2))), taught, held, args)


if __name__ == "__main__":
    main()
