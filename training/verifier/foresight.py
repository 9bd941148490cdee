"""Teach the reward of finished images to look at unfinished ones: ``python -m training.verifier.foresight``.

Reads what :mod:`training.verifier.drawn.unfinished` drew; prompts of every eighth file are held out. It begins as the
embedded reward, and learns the order of a prompt's trajectories and their values from pictures of a few scales each.
What it has learned is left in the work folder as ``foresight.safetensors``, which the reward ``embedded:FILE`` reads.
"""

import argparse
import copy
import math

import numpy as np
import torch
from torch import Tensor

from scalingar.analysis.verifiers.examination import pairs_right
from scalingar.models.weights.module_file import save_module
from scalingar.rewards.embedded_reward import EmbeddedReward
from scalingar.rewards.match_net import MatchNet
from training.checkpoint import Checkpoint
from training.schedules import cosine
from training.verifier.drawn.prompts import TOGETHER, words_of
from training.verifier.drawn.unfinished import SCALES, Unfinished
from training.verifier.margin import with_margin
from training.verifier.ordering import loss_of
from training.workdir import add_work_dir, announce

EVERY = 8
"""Files of which one is held out."""
TAUGHT = 3
"""Prompts of a step."""
TURNS = (4, 5, 5, 7, 7, 9)
"""Scales of which a step draws one; TTS-VAR resamples after 5 and 7."""
ENCODER = 0.25
"""Learning rate of what sees patches, as a share of that of what reads them."""


def values(network: MatchNet, pictures: Tensor, words: Tensor) -> Tensor:
    """``(p, n)`` of pictures ``(p, n, 3, h, w)`` in 8 bits."""
    count = pictures.shape[1]
    flat = network(pictures.flatten(0, 1).float() / 127.5 - 1, words.repeat_interleave(count, 0))
    return flat.unflatten(0, (-1, count))


def told(network: MatchNet, data: Unfinished, rows: np.ndarray, words: Tensor) -> str:
    """Per scale the share of pairs in the order of their finished rewards, ± 95 % over prompts, and the correlation
    within prompts.
    """
    cells = []
    reward = data.reward[rows].numpy()
    for scale in SCALES:
        with torch.inference_mode():
            told_values = torch.cat([values(network, data.pictures[scale][[row]], words[[row]]) for row in rows])
        value = told_values.numpy()
        shares = pairs_right(value, reward)
        one, two = (part - part.mean(1, keepdims=True) for part in (value, reward))
        correlation = (one * two).sum() / math.sqrt((one**2).sum() * (two**2).sum())
        cells.append(f"after scale {scale} {with_margin(shares)}, r {correlation:.2f}")
    return "; ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--lr", type=float, default=4e-4)
    args = parser.parse_args()
    data = Unfinished.load(args.work_dir)
    network = copy.deepcopy(EmbeddedReward().network).requires_grad_(True).eval()  # batch norm stays as it is
    words = words_of(data.prompts)
    test = np.arange(len(data)) // TOGETHER % EVERY == EVERY - 1
    taught, held = np.flatnonzero(~test), np.flatnonzero(test)
    announce(f"{len(taught)} prompts teach, {len(held)} examine; untaught: {told(network, data, held, words)}")
    encoder = list(network.encoder.parameters())
    others = [weight for name, weight in network.named_parameters() if not name.startswith("encoder.")]
    groups = [{"params": others, "share": 1.0}, {"params": encoder, "share": ENCODER}]
    optimizer = torch.optim.AdamW(groups, args.lr, weight_decay=0.05, betas=(0.9, 0.98))
    checkpoint = Checkpoint(args.work_dir / "foresight.pt", minutes=2)
    step = checkpoint.restore({"model": network, "optimizer": optimizer})
    while step < args.steps:
        rate = cosine(step, args.steps, args.lr, warmup=15, floor=0.05)
        for group in optimizer.param_groups:
            group["lr"] = group["share"] * rate
        rng = np.random.default_rng((5, step))
        rows, scale = rng.choice(taught, TAUGHT, replace=False), TURNS[rng.integers(len(TURNS))]
        loss = loss_of(values(network, data.pictures[scale][rows], words[rows]), data.reward[rows])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            announce(f"step {step} of {args.steps}, loss {loss.item():.2f}")
        if step == args.steps or checkpoint.due:
            checkpoint.save_parts(step, {"model": network, "optimizer": optimizer})
    announce(f"taught: {told(network, data, held, words)}")
    save_module(args.work_dir / "foresight.safetensors", network, network.config, torch.bfloat16)


if __name__ == "__main__":
    main()
