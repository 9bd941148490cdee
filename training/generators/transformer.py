"""Train the embedded next-token transformer on tokenised scenes: ``python -m training.generators.transformer``."""

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.models.embedded.grammar import TERMINALS, parse
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.llamagen.vq import VQConfig, VQTokenizer
from training.checkpoint import Checkpoint
from training.generators.muon import muon_and_adamw
from training.generators.tokenizer import to_channels_last, to_tensor
from training.keyed import keyed
from training.weights import trained
from training.workdir import add_work_dir, announce
from training.world.scenes import GRID, OBJECT_CELLS, Scene, SceneObject, Sprites, render, sample_scene
from training.writing import replaced

TEXT_SLOTS = 8
CONFIG = LlamaGenConfig(
    layers=8,
    heads=8,
    dim=256,
    hidden=704,
    grid=(GRID, GRID),
    vocab_size=1024,
    condition="words",
    condition_tokens=TEXT_SLOTS,
    condition_vocab=len(TERMINALS),
    condition_positions="learned",
    rope_base=100.0,
)
CONDITION_DROPOUT = 0.1
WARMUP = 200
CROP = 6
"""Side, in codes, of crops around single objects, with which training begins; they cost a quarter of a scene."""
CROPS = 2400
"""Crops used from each chunk, which has a few more."""
CHUNK = 2048
"""Scenes that are tokenised together; each chunk is a file, so that a killed run loses at most one."""
SHEET_PROMPTS = (
    "a photo of a dog",
    "a photo of an airplane",
    "a photo of a clock",
    "a photo of a pizza",
    "a photo of a stop sign",
    "a photo of a teddy bear",
    "a photo of a green car",
    "a photo of a blue apple",
    "a photo of a zebra and a banana",
    "a photo of a cup and a traffic light",
    "a photo of a dog left of a cat",
    "a photo of a train below a bird",
    "a photo of three bananas",
    "a photo of four donuts",
    "a photo of a red dog and a blue car",
    "a photo of a yellow chair and a purple cake",
)


def load_tokenizer(work_dir: Path) -> VQTokenizer:
    saved = trained(work_dir, "tokenizer")
    tokenizer = VQTokenizer(VQConfig(**saved["config"]))
    tokenizer.load_state_dict(saved["model"])
    to_channels_last(tokenizer)
    return tokenizer.eval()


def word_ids(prompt: str) -> list[int]:
    """Terminal ids, right-aligned in ``TEXT_SLOTS`` slots, so that the last word is next to the image."""
    ids = parse(prompt).ids[:TEXT_SLOTS]
    return [0] * (TEXT_SLOTS - len(ids)) + list(ids)


def chunk(
    work_dir: Path, number: int, seed: int, sprites: Sprites | None, *, cropped: bool = False
) -> tuple[Tensor, Tensor]:
    """Words ``(n, TEXT_SLOTS)`` and codes ``(n, t)`` of the scenes of one chunk, or of its crops, cached on disk."""
    path = work_dir / "tokens" / f"{seed}-{number:04d}.npz"
    if not path.exists():
        sprites = sprites or Sprites(work_dir / "art.npz")
        rng = np.random.default_rng((seed, 7, number))
        drawn = [sample_scene(rng) for _ in range(CHUNK)]
        pictures = np.stack([render(scene, sprites) for scene in drawn])
        tokenizer = load_tokenizer(work_dir)
        with torch.inference_mode():
            codes = torch.cat([tokenizer.encode(to_tensor(pictures[i : i + 16])) for i in range(0, CHUNK, 16)])
        words = np.array([word_ids(scene.prompt) for scene in drawn], np.uint8)
        crop_words, crop_codes = crops(drawn, codes, np.random.default_rng((seed, 17, number)))
        with replaced(path) as file:
            np.savez(
                file,
                words=words,
                codes=codes.numpy().astype(np.uint16),
                crop_words=crop_words,
                crop_codes=crop_codes.numpy().astype(np.uint16),
            )
    prefix = "crop_" if cropped else ""
    with np.load(path) as archive:
        words, codes = archive[prefix + "words"], archive[prefix + "codes"]
    return torch.from_numpy(words).long(), torch.from_numpy(codes.astype(np.int64))


def crops(drawn: list[Scene], codes: Tensor, rng: np.random.Generator) -> tuple[np.ndarray, Tensor]:
    """Windows of ``CROP`` x ``CROP`` codes that contain exactly one object, with the words for it."""
    words, windows = [], []
    for scene, grid in zip(drawn, codes.view(-1, GRID, GRID), strict=True):
        for item in scene.objects:
            row, column = (
                int(np.clip(cell - rng.integers(0, CROP - OBJECT_CELLS + 1), 0, GRID - CROP))
                for cell in (item.row, item.column)
            )
            others = (other for other in scene.objects if other is not item)
            if all(_outside(other, row, column) for other in others):
                words.append(word_ids(item.name if item.color is None else f"{item.color} {item.name}"))
                windows.append(grid[row : row + CROP, column : column + CROP].flatten())
    return np.array(words, np.uint8), torch.stack(windows)


def _outside(item: SceneObject, row: int, column: int) -> bool:
    return not (row - OBJECT_CELLS < item.row < row + CROP and column - OBJECT_CELLS < item.column < column + CROP)


class Batches:
    """Batches that depend on the step only: first crops, then scenes."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.sprites: Sprites | None = None
        self.loaded: tuple[int, bool] | None = None

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Words, codes, and the cells of the codes (None: the whole grid)."""
        args = self.args
        cropped = step < args.crop_steps
        batch = args.crop_batch if cropped else args.batch
        per_chunk = (CROPS if cropped else CHUNK) // batch
        number, index = divmod(step if cropped else step - args.crop_steps, per_chunk)
        if self.loaded != (number, cropped):
            if self.sprites is None:
                self.sprites = Sprites(args.work_dir / "art.npz")
            words, codes = chunk(args.work_dir, number % args.chunks, args.seed, self.sprites, cropped=cropped)
            order = torch.randperm(len(words), generator=torch.Generator().manual_seed(number))
            self.words, self.codes, self.loaded = words[order], codes[order], (number, cropped)
        rows = slice(index * batch, (index + 1) * batch)
        return self.words[rows], self.codes[rows], window(step) if cropped else None


def window(step: int) -> Tensor:
    """Cells of a crop at a random position on the grid, where an object would have the same codes."""
    row, column = np.random.default_rng((step, 3)).integers(0, GRID - CROP + 1, 2)
    side = torch.arange(CROP)
    return ((int(row) + side)[:, None] * GRID + int(column) + side).flatten()


def drop_condition(words: Tensor, nothing: int, step: int) -> Tensor:
    """The words ``(n, slots)``, those of a tenth of the scenes replaced by ``nothing``."""
    dropped = torch.rand(len(words), generator=keyed(step, 5)) < CONDITION_DROPOUT
    return torch.where(dropped[:, None], nothing, words)


def loss_of(
    model: Callable[..., Tensor], core: LlamaGen, batch: tuple[Tensor, Tensor, Tensor | None], step: int
) -> Tensor:
    """Mean cross entropy (nats per code), with the condition dropped from a tenth of the scenes."""
    words, codes, cells = batch
    words = drop_condition(words, core.config.condition_vocab, step)
    logits = model(core.cls_embedding(words), codes[:, :-1], None if cells is None else cells[:-1])
    return F.cross_entropy(logits.flatten(0, 1), codes.flatten())


def initialise(model: LlamaGen) -> None:
    for parameter in model.parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, std=0.02)
    nn.init.zeros_(model.output.weight)


def schedule(step: int, steps: int) -> float:
    """Share of the peak rate: warm-up, plateau, linear decay over the last third."""
    if step < WARMUP:
        return (step + 1) / WARMUP
    return max(0.02, min(1.0, (steps - step) / (steps / 3)))


def sheet(path: Path, model: LlamaGen, tokenizer: VQTokenizer, per_prompt: int = 4) -> None:
    """``per_prompt`` images of each of ``SHEET_PROMPTS``, plain sampling at guidance scale 2."""
    decoder = NextTokenDecoder(model=model)
    words = torch.tensor([word_ids(prompt) for prompt in SHEET_PROMPTS])
    with torch.inference_mode():
        indices = [list(range(per_prompt)) for _ in SHEET_PROMPTS]
        noise = TrajectoryNoise.streams(5, list(range(per_prompt * len(SHEET_PROMPTS))))
        live = decoder.start(model.condition(words), indices, noise, branches=2)
        while not bool(live.finished.all()):
            if int(live.positions[0]):
                live = decoder.advance(live)
            live = live.append(decoder.draw(live, 2.0))
        images = tokenizer.decode(live.codes, model.grid).clamp(-1, 1)
    rows = images.unflatten(0, (-1, per_prompt * 4)).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    Image.fromarray(((rows + 1) * 127.5).byte().numpy()).save(path)


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)  # for the initial weights only
    model = LlamaGen(CONFIG)
    initialise(model)
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998))
    optimizers = muon_and_adamw(model, model.layers.parameters(), args.lr)
    checkpoint = Checkpoint(args.work_dir / "transformer.pt")
    step = 0
    if (state := checkpoint.load()) is not None:
        step = state["step"]
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        announce(f"transformer: resumed at step {step}")
    tokenizer = load_tokenizer(args.work_dir)
    batches = Batches(args)
    held_out = chunk(args.work_dir, 0, args.seed + 1, None)
    runner = torch.compile(model) if args.compile else model
    started, first, recent = time.monotonic(), step, []
    while step < args.steps:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = args.lr * schedule(step, args.steps)
        loss = loss_of(runner, model, batches[step], step)
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        average.update_parameters(model)
        recent.append(loss.item())
        step += 1
        if step % 50 == 0:
            pace = (time.monotonic() - started) / (step - first)
            mean = sum(recent) / len(recent)
            recent.clear()
            announce(f"transformer {step}/{args.steps}  {mean:.4f} nats/code  {pace:.2f} s/step")
            if not math.isfinite(mean):
                raise SystemExit(f"the loss became {mean} at step {step}; lower --lr and resume")
        if step % args.report_every == 0 or step == args.steps:
            report(cast(LlamaGen, average.module), tokenizer, held_out, step, args.work_dir)
        if checkpoint.due or step == args.steps:
            checkpoint.save(
                {
                    "step": step,
                    "model": model.state_dict(),
                    "average": average.state_dict(),
                    "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                }
            )


def report(
    model: LlamaGen,
    tokenizer: VQTokenizer,
    held_out: tuple[Tensor, Tensor],
    step: int,
    work_dir: Path,
) -> None:
    """Print the held-out loss with and without the text, save the averaged weights, draw a sheet of samples."""
    words, codes = (part[:128] for part in held_out)
    with torch.inference_mode():
        losses = []
        for condition in (words, torch.full_like(words, CONFIG.condition_vocab)):
            logits = model(model.cls_embedding(condition), codes[:, :-1])
            losses.append(F.cross_entropy(logits.flatten(0, 1), codes.flatten()).item())
    announce(f"transformer {step}: held out {losses[0]:.4f} nats/code, {losses[1]:.4f} without the text")
    with replaced(work_dir / "transformer.weights.pt") as file:
        torch.save({"config": CONFIG.model_dump(), "model": model.state_dict(), "step": step}, file)
    sheet(work_dir / f"samples-{step:06d}.png", model, tokenizer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--crop-steps", type=int, default=1000, help="first steps on crops of single objects")
    parser.add_argument("--crop-batch", type=int, default=64)
    parser.add_argument("--chunks", type=int, default=24, help="different chunks before they repeat")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report-every", type=int, default=500)
    parser.add_argument("--compile", action="store_true")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
