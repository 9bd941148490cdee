"""Train the embedded VQ tokenizer on crops around objects: ``python -m training.generators.tokenizer``."""

import argparse
import math
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from scalingar.models.llamagen.vq import VQConfig, VQTokenizer
from training.checkpoint import Checkpoint
from training.generators.codebook import EmaCodebook
from training.schedules import cosine
from training.workdir import add_work_dir, announce
from training.world.scenes import CELL, GRID, OBJECT_CELLS, Sprites, render, sample_scene
from training.writing import replaced

CONFIG = VQConfig(
    codebook_size=1024,
    codebook_dim=8,
    channels=48,
    channel_mult=(1, 2, 3),
    z_channels=128,
    res_blocks=1,
    norm="channel",
    attention=False,
    patch_size=2,
)
CROP_CELLS = 7
CONTINUOUS_STEPS = 500
"""First steps without quantisation, after which k-means on the latents gives the codes."""


def to_tensor(images: np.ndarray) -> Tensor:
    """``(n, h, w, 3)`` uint8 to ``(n, 3, h, w)`` in [-1, 1], channels last in memory."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_channels_last(model: torch.nn.Module) -> None:
    """Change the memory layout of convolutions to the one with the fastest CPU kernels."""
    for parameter in model.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def crops(seed: int, step: int, count: int, sprites: Sprites) -> Tensor:
    """Grid-aligned crops around an object of ``count`` random scenes, which depend on ``(seed, step)`` only."""
    rng = np.random.default_rng((seed, step))
    out = np.empty((count, CROP_CELLS * CELL, CROP_CELLS * CELL, 3), np.uint8)
    for i in range(count):
        scene = sample_scene(rng)
        item = scene.objects[int(rng.integers(len(scene.objects)))]
        slack = CROP_CELLS - OBJECT_CELLS
        corner = np.array([item.row, item.column]) - rng.integers(0, slack + 1, 2)
        row, column = np.clip(corner, 0, GRID - CROP_CELLS) * CELL
        side = CROP_CELLS * CELL
        out[i] = render(scene, sprites)[row : row + side, column : column + side]
    return to_tensor(out)


def scenes(seed: int, count: int, sprites: Sprites) -> Tensor:
    """Whole held-out scenes, ``(count, 3, SIZE, SIZE)``."""
    rng = np.random.default_rng((seed, 1_000_003))
    return to_tensor(np.stack([render(sample_scene(rng), sprites) for _ in range(count)]))


def psnr(model: VQTokenizer, images: Tensor) -> tuple[float, Tensor]:
    """Mean PSNR (dB, peak 2) over images, and the reconstructions."""
    with torch.inference_mode():
        grid = (images.shape[-2] // CELL, images.shape[-1] // CELL)
        restored = torch.cat([model.decode(model.encode(part), grid).clamp(-1, 1) for part in images.split(16)])
        error = (restored - images).square().mean((1, 2, 3))
    return float((10 * torch.log10(4 / error.clamp_min(1e-10))).mean()), restored


def sheet(path: Path, images: Tensor, restored: Tensor, columns: int = 8) -> None:
    """Originals above reconstructions, at twice the size."""
    rows = []
    for start in range(0, min(len(images), 32), columns):
        for part in (images, restored):
            rows.append(torch.cat(list(part[start : start + columns]), dim=-1))
    picture = ((torch.cat(rows, dim=-2).permute(1, 2, 0) + 1) * 127.5).clamp(0, 255).byte().numpy()
    image = Image.fromarray(picture)
    image.resize((image.width * 2, image.height * 2), Image.Resampling.NEAREST).save(path)


def learning_rate(step: int, steps: int, peak: float) -> float:
    return cosine(step, steps, peak, warmup=100, floor=0.02)


def train(args: argparse.Namespace) -> None:
    sprites = Sprites(args.work_dir / "art.npz")
    torch.manual_seed(args.seed)  # for the initial weights only
    model = VQTokenizer(CONFIG)
    to_channels_last(model)
    codebook = EmaCodebook(model.quantize, seed=args.seed)
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995))
    trained = [p for name, p in model.named_parameters() if not name.startswith("quantize.")]
    optimizer = torch.optim.AdamW(trained, lr=args.lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    parts: dict[str, Any] = {"model": model, "average": average, "optimizer": optimizer, "codebook": codebook}
    checkpoint = Checkpoint(args.work_dir / "tokenizer.pt")
    step = checkpoint.restore(parts)
    held_out = scenes(args.seed, 96, sprites)
    started, first = time.monotonic(), step
    while step < args.steps:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args.steps, args.lr)
        batch = crops(args.seed, step, args.batch, sprites).contiguous(memory_format=torch.channels_last)
        z = F.normalize(model.latent(batch), dim=1)
        if step == CONTINUOUS_STEPS:
            codebook.initialise(collect_latents(model, args, sprites))
        if step < CONTINUOUS_STEPS:
            quantised, commitment = z, z.new_zeros(())
        else:
            entry = codebook.update(z)
            commitment = (z - entry).square().sum(1).mean()
            quantised = z + (entry - z).detach()
        restored = model.decode_latent(quantised)
        error = (restored - batch).square().mean()
        loss = error + 0.1 * (restored - batch).abs().mean() + 0.1 * commitment
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        average.update_parameters(model)
        step += 1
        if step % 50 == 0:
            pace = (time.monotonic() - started) / (step - first)
            db = 10 * math.log10(4 / error.item())
            announce(f"tokenizer {step}/{args.steps}  crops {db:.2f} dB  codes {codebook.used}  {pace:.2f} s/step")
        if step % 250 == 0 or step == args.steps:
            report(cast(VQTokenizer, average.module), held_out, step, args.work_dir)
        if checkpoint.due or step == args.steps:
            checkpoint.save_parts(step, parts)


def report(model: VQTokenizer, held_out: Tensor, step: int, work_dir: Path) -> None:
    """Save the averaged weights, print the PSNR of held-out scenes, draw a sheet of them."""
    with replaced(work_dir / "tokenizer.weights.pt") as file:
        torch.save({"config": CONFIG.model_dump(), "model": model.state_dict(), "step": step}, file)
    value, restored = psnr(model, held_out)
    announce(f"tokenizer {step}: held-out scenes {value:.2f} dB")
    sheet(work_dir / "tokenizer.png", held_out, restored)


def collect_latents(model: VQTokenizer, args: argparse.Namespace, sprites: Sprites) -> Tensor:
    """Normalised latents of about 12 000 cells for k-means, ``(n, d)``."""
    with torch.inference_mode():
        parts = [F.normalize(model.latent(crops(args.seed, 2_000_000 + i, 16, sprites)), dim=1) for i in range(16)]
    return torch.cat(parts).movedim(1, -1).flatten(0, -2).clone()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
