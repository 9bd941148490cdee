"""Train the embedded multi-scale tokenizer on whole scenes: ``python -m training.generators.scale_tokenizer``.

Coarse scales are means over the whole image, so the encoder gets whole scenes; the decoder is local, and is trained on
a window around one object of each scene.
"""

import argparse
import math
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from scalingar.decoding.teacher_forcing import latents
from scalingar.models.var.multiscale_vq import MultiScaleVQ, MultiScaleVQConfig
from training.checkpoint import Checkpoint
from training.generators.codebook import ResidualCodebook
from training.generators.residuals import continuous_residuals, encode_scales, residuals
from training.generators.tokenizer import learning_rate, scenes, to_channels_last, to_tensor
from training.generators.warm_start import initialise_identity, warm_start
from training.workdir import add_work_dir, announce
from training.world.scenes import CELL, GRID, OBJECT_CELLS, SceneObject, Sprites, render, sample_scene
from training.writing import replaced

CONFIG = MultiScaleVQConfig(
    codebook_size=1024,
    sides=(1, 2, 3, 4, 5, 6, 7, 8, 10, GRID),
    channels=48,
    channel_mult=(1, 2, 3),
    z_channels=8,
    res_blocks=1,
    norm="channel",
    attention=False,
    patch_size=2,
    quant_kernel=1,
    unit_latents=True,
)
WEIGHTS = "scale-tokenizer.weights.pt"
K_MEANS_SCENES = 192
HELD_OUT = 96
SHEET_ROWS = 10


def batch_of(seed: int, step: int, count: int, sprites: Sprites, side: int) -> tuple[Tensor, Tensor]:
    """``count`` random scenes, and corners (row, column) of windows of ``side`` cells around one object of each."""
    rng = np.random.default_rng((seed, 11, step))
    drawn = [sample_scene(rng) for _ in range(count)]
    chosen = [scene.objects[int(rng.integers(len(scene.objects)))] for scene in drawn]
    corners = torch.tensor(np.stack([_corner(rng, item, side) for item in chosen]))
    images = to_tensor(np.stack([render(scene, sprites) for scene in drawn]))
    return images.contiguous(memory_format=torch.channels_last), corners


def _corner(rng: np.random.Generator, item: SceneObject, side: int) -> np.ndarray:
    """A random corner such that the window contains the object, or as much of it as fits."""
    slack = side - OBJECT_CELLS
    shift = rng.integers(min(slack, 0), max(slack, 0) + 1, 2)
    return np.clip(np.array([item.row, item.column]) - shift, 0, GRID - side)


def windows(maps: Tensor, corners: Tensor, side: int) -> Tensor:
    """A window of each map ``(n, c, h, w)``; ``corners`` and ``side`` are in pixels of the map."""
    parts = [image[:, r : r + side, c : c + side] for image, (r, c) in zip(maps, corners.tolist(), strict=True)]
    return torch.stack(parts).contiguous(memory_format=torch.channels_last)


class Run:
    """Weights, averages, codes and optimizer of a training, with a checkpoint on disk."""

    def __init__(self, args: argparse.Namespace, sprites: Sprites) -> None:
        torch.manual_seed(args.seed)  # for the initial weights only
        self.args, self.sprites, self.step = args, sprites, 0
        self.model = MultiScaleVQ(CONFIG)
        self._initialise()
        to_channels_last(self.model)
        self.codebook = ResidualCodebook(self.model.quantize, seed=args.seed)
        ema = torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)
        self.average = torch.optim.swa_utils.AveragedModel(self.model, multi_avg_fn=ema)
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=args.lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        self.checkpoint = Checkpoint(args.work_dir / "scale-tokenizer.pt")
        self._parts: dict[str, Any] = {
            "model": self.model,
            "average": self.average,
            "optimizer": self.optimizer,
            "codebook": self.codebook,
        }

    def _initialise(self) -> None:
        initialise_identity(self.model)
        path = self.args.work_dir / "tokenizer.weights.pt"
        if self.args.warm_start and path.exists():
            copied, total = warm_start(self.model, path)
            announce(f"scale tokenizer: {copied} of {total} tensors from the next-token tokenizer")

    def resume(self) -> None:
        self.step = self.checkpoint.restore(self._parts)

    def save(self) -> None:
        self.checkpoint.save_parts(self.step, self._parts)

    def initialise_codes(self) -> None:
        """k-means on residuals without quantisation, then on those with the resulting codes."""
        args = self.args
        with torch.inference_mode():
            images = [batch_of(args.seed, 2_000_000 + i, 8, self.sprites, GRID)[0] for i in range(K_MEANS_SCENES // 8)]
            z = torch.cat([self.model.latent(part) for part in images])
        z = z.clone()  # no inference tensor any more
        self.codebook.initialise(continuous_residuals(self.model.quantize, z))
        self.codebook.initialise(residuals(self.model.quantize, z))

    def losses(self) -> tuple[Tensor, Tensor]:
        """The loss on this step's batch, and the mean squared error of the images decoded from all scales."""
        args = self.args
        side = args.window
        images, corners = batch_of(args.seed, self.step, args.batch, self.sprites, side)
        latent = self.model.latent(images)
        total, whole, distance = self.quantised(latent)
        restored = self.model.decode(windows(total, corners, side))
        target = windows(images, corners * CELL, side * CELL)
        error = (restored - target).square().mean((1, 2, 3))
        loss = error.mean() + 0.1 * (restored - target).abs().mean() + 0.1 * distance
        return loss, error[whole].mean().detach()

    def quantised(self, latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Quantised latents, a mask of those with all scales, and the distance between codes and latents.

        A share of the images keeps only its first scales (quantiser dropout; Zeghidour et al. 2021, section III-C), so
        that the decoder learns to decode unfinished latents; no gradient goes from those to the encoder.
        """
        scales = list(encode_scales(self.model.quantize, latent.detach()))
        sums = torch.stack(latents(self.model, [scale.codes for scale in scales]))
        self.codebook.update(
            torch.cat([scale.residual for scale in scales], 1), torch.cat([scale.codes for scale in scales], 1)
        )
        last = len(sums) - 1
        generator = torch.Generator().manual_seed(self.step)
        kept = torch.randint(last, (len(latent),), generator=generator)
        whole = torch.rand(len(latent), generator=generator) >= self.args.partial
        whole[0] = True
        straight = (latent - latent.detach()) * whole[:, None, None, None]
        total = sums[kept.where(~whole, last), torch.arange(len(latent))] + straight
        explained = (sums - latent.detach()).square().sum(2).mean()
        commitment = (latent - sums[-1].detach()).square().sum(1).mean()
        return total, whole, explained + commitment


def train(args: argparse.Namespace) -> None:
    run = Run(args, Sprites(args.work_dir / "art.npz"))
    run.resume()
    held_out = scenes(args.seed, HELD_OUT, run.sprites)
    started, first = time.monotonic(), run.step
    while run.step < args.steps:
        error = advance(run)
        if run.step % 50 == 0:
            pace = (time.monotonic() - started) / (run.step - first)
            db = 10 * math.log10(4 / max(error, 1e-10))
            announce(
                f"scale tokenizer {run.step}/{args.steps}  windows {db:.2f} dB  codes {run.codebook.used}  "
                f"{pace:.2f} s/step"
            )
        done = run.step == args.steps
        if run.step % args.report_every == 0 or done:
            report(cast(MultiScaleVQ, run.average.module), held_out, run.step, args.work_dir)
        if run.checkpoint.due or done:
            run.save()


def advance(run: Run) -> float:
    """One step; returns the mean squared error of images decoded from all scales."""
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(run.step, run.args.steps, run.args.lr)
    if run.step == 0:
        run.initialise_codes()
    loss, error = run.losses()
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.trained, 1.0)
    run.optimizer.step()
    run.average.update_parameters(run.model)
    run.step += 1
    return error.item()


@torch.inference_mode()
def restorations(model: MultiScaleVQ, images: Tensor) -> Tensor:
    """Images decoded after each scale, ``(scales, n, 3, H, W)``."""
    parts = [torch.stack([model.decode(z) for z in latents(model, model.encode(part))]) for part in images.split(16)]
    return torch.cat(parts, 1).clamp(-1, 1)


def psnr(restored: Tensor, images: Tensor) -> list[float]:
    """Mean PSNR (dB, peak 2) over images after each scale."""
    error = (restored - images).square().mean((2, 3, 4))
    return (10 * torch.log10(4 / error.clamp_min(1e-10))).mean(1).tolist()


def report(model: MultiScaleVQ, held_out: Tensor, step: int, work_dir: Path) -> None:
    """Save the averaged weights, print the PSNR of held-out scenes after each scale, draw a sheet of them."""
    with replaced(work_dir / WEIGHTS) as file:
        torch.save({"config": CONFIG.model_dump(), "model": model.state_dict(), "step": step}, file)
    restored = restorations(model, held_out)
    values = psnr(restored, held_out)
    each = "  ".join(f"{side}: {value:.1f}" for side, value in zip(CONFIG.sides, values, strict=True))
    announce(f"scale tokenizer {step}: held-out scenes {values[-1]:.2f} dB; after each side  {each}")
    sheet(work_dir / "scale-tokenizer.png", held_out, restored)


def sheet(path: Path, images: Tensor, restored: Tensor) -> None:
    """A row per scene: the original, then the scene decoded after each scale."""
    columns = torch.cat([images[None], restored])[:, :SHEET_ROWS]
    picture = columns.permute(1, 3, 0, 4, 2).flatten(2, 3).flatten(0, 1)
    Image.fromarray(((picture + 1) * 127.5).clamp(0, 255).byte().numpy()).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--window", type=int, default=7, help=f"cells along a decoded window; {GRID}: whole scenes")
    parser.add_argument("--partial", type=float, default=0.25, help="share of images decoded from their first scales")
    parser.add_argument(
        "--warm-start",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="begin with the next-token tokenizer, where the work folder has it",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report-every", type=int, default=500)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
