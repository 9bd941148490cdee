"""Train the embedded next-scale transformer on encoded scenes: ``python -m training.generators.scale_transformer``.

Coarse scales decide what a scene shows and take a third of the time of all scales, so most images of a batch are
trained on these only, and a few on all scales.
"""

import argparse
import math
import time
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn

from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.models.embedded.grammar import TERMINALS
from scalingar.models.var.config import VARConfig
from scalingar.models.var.multiscale_vq import MultiScaleVQ
from scalingar.models.var.transformer import VAR, Block
from training.checkpoint import Checkpoint
from training.generators.muon import muon_and_adamw
from training.generators.scale_lessons import Batches, Lesson, Scenes, Teacher, load_scale_tokenizer
from training.generators.scale_tokenizer import CONFIG as TOKENIZER
from training.generators.transformer import SHEET_PROMPTS, TEXT_SLOTS, drop_condition, schedule, word_ids
from training.workdir import add_work_dir, announce
from training.writing import replaced

CONFIG = VARConfig(
    layers=8,
    heads=8,
    dim=256,
    hidden=1024,
    sides=TOKENIZER.sides,
    vocab_size=TOKENIZER.codebook_size,
    code_dim=TOKENIZER.z_channels,
    shared_modulation=True,
    condition="words",
    condition_vocab=len(TERMINALS),
    condition_tokens=TEXT_SLOTS,
    word_layers=1,
    guidance_ramp=False,
)
WEIGHTS = "scale-transformer.weights.pt"
Tensors = tuple[Tensor, ...] | list[Tensor]
HELD_OUT = 128


@torch.no_grad()
def initialise(model: VAR) -> None:
    """Small normal weights, a zero head, and AdaLN that begins as an ordinary pre-norm block with open gates."""
    for parameter in model.parameters():
        if parameter.ndim >= 2:
            nn.init.normal_(parameter, std=0.02)
    for module in model.modules():
        if isinstance(module, Block):
            _initialise_block(module)
    zeros = model.shared_ada_lin[-1], model.head_nm.ada_lin[-1], model.head
    for linear in (cast(nn.Linear, module) for module in zeros):
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)


def _initialise_block(block: Block) -> None:
    shared = cast(nn.Parameter, block.ada_gss)
    shared.zero_()
    shared[:, :, :2] = 1  # the gates
    nn.init.constant_(block.attn.scale_mul_1H11, math.log(4))


def token_weights(sides: tuple[int, ...], power: float) -> Float[Tensor, " t"]:
    """Weight of every token in the loss, 1 on average; a scale of ``l`` tokens has a total of ``l^(1 - power)``."""
    tokens = torch.tensor([side * side for side in sides])
    weights = tokens.float().pow(-power).repeat_interleave(tokens)
    return weights / weights.mean()


def losses(model: VAR, words: Int[Tensor, "n s"], lesson: Lesson) -> Float[Tensor, " t"]:
    """Cross entropy of every token (nats per code), summed over images."""
    logits = model(words, lesson.features)[:, :, 0]
    flat = F.cross_entropy(logits.flatten(0, 1), lesson.codes.flatten(), reduction="none")
    return flat.view_as(lesson.codes).sum(0)


def batch_losses(model: VAR, words: Int[Tensor, "n s"], lesson: Lesson, whole: int, coarse: int) -> Float[Tensor, " t"]:
    """Cross entropy of every token, averaged over the images that have it.

    The first ``whole`` images are trained on all scales, the others on the first ``coarse`` ones.
    """
    tokens = [model.config.ends[coarse - 1], lesson.codes.shape[1]]
    of_coarse = losses(model, words[whole:], lesson.part(slice(whole, None), tokens[0]))
    of_whole = losses(model, words[:whole], lesson.part(slice(whole), tokens[1]))
    both = (of_coarse + of_whole[: tokens[0]]) / len(words)
    return torch.cat([both, of_whole[tokens[0] :] / whole])


@torch.no_grad()
def update_average(averaged: Tensors, current: Tensors, count: Tensor | int) -> None:
    """Moving averages over the last tenth of ``count`` steps, at most 500, so that early weights are soon forgotten."""
    torch._foreach_lerp_(averaged, current, max(1 / 500, 9 / (10 + int(count))))


class Run:
    """Weights, averages and optimizers of a training, with a checkpoint on disk."""

    def __init__(self, args: argparse.Namespace) -> None:
        torch.manual_seed(args.seed)  # for the initial weights only
        self.args, self.step = args, 0
        self.model = VAR(CONFIG)
        initialise(self.model)
        self.average = torch.optim.swa_utils.AveragedModel(self.model, multi_avg_fn=update_average)
        blocks = (*self.model.blocks.parameters(), *self.model.words.blocks.parameters())
        self.optimizers = muon_and_adamw(self.model, blocks, args.lr)
        self.tokenizer = load_scale_tokenizer(args.work_dir)
        self.teacher = Teacher(self.tokenizer.quantize)
        scenes = Scenes(args.work_dir, self.tokenizer, args.seed)
        self.batches, self.digest = Batches(args, scenes), scenes.digest
        self.weights = token_weights(CONFIG.sides, args.scale_power)
        self.checkpoint = Checkpoint(args.work_dir / "scale-transformer.pt")
        if args.compile:
            for block in self.model.blocks:
                block.compile(dynamic=False)  # all blocks share one graph for each of the two lengths

    def resume(self) -> None:
        if (state := self.checkpoint.load()) is not None:
            if state["tokenizer"] != self.digest:
                raise SystemExit(f"{self.checkpoint.path} was trained with another tokenizer; remove it to begin anew")
            self.step = state["step"]
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            announce(f"scale transformer: resumed at step {self.step}")

    def save(self) -> None:
        self.checkpoint.save(
            {
                "step": self.step,
                "tokenizer": self.digest,
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            }
        )

    def advance(self) -> float:
        """One step; returns the cross entropy without weights."""
        rate = self.args.lr * schedule(self.step, self.args.steps)
        words, latents = self.batches[self.step]
        lesson = self.teacher.lesson(latents, self.args.mistakes, self.step)
        words = drop_condition(words, CONFIG.condition_vocab, self.step)
        loss = batch_losses(self.model, words, lesson, self.args.whole, self.args.coarse_scales)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = rate
        (loss * self.weights).mean().backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.average.update_parameters(self.model)
        self.step += 1
        return loss.mean().item()


def train(args: argparse.Namespace) -> None:
    run = Run(args)
    run.resume()
    words, latents = Scenes(args.work_dir, run.tokenizer, args.seed + 1).chunk(0)
    held_out = words[:HELD_OUT], run.teacher.lesson(latents[:HELD_OUT].float(), 0.0, 0)
    started, first, recent = time.monotonic(), run.step, []
    while run.step < args.steps:
        recent.append(run.advance())
        if run.step % 50 == 0:
            pace = (time.monotonic() - started) / (run.step - first)
            mean = sum(recent) / len(recent)
            recent.clear()
            announce(f"scale transformer {run.step}/{args.steps}  {mean:.4f} nats/code  {pace:.2f} s/step")
            if not math.isfinite(mean):
                raise SystemExit(f"the loss became {mean} at step {run.step}; lower --lr and resume")
        done = run.step == args.steps
        if run.step % args.report_every == 0 or done:
            report(run, held_out)
        if run.checkpoint.due or done:
            run.save()


def report(run: Run, held_out: tuple[Tensor, Lesson]) -> None:
    """Print the held-out loss of every scale with and without the text, save the averaged weights, draw samples."""
    model, step, work_dir = cast(VAR, run.average.module), run.step, run.args.work_dir
    words, lesson = held_out
    no_words = torch.full_like(words, CONFIG.condition_vocab)
    with_text, without = (held_out_loss(model, condition, lesson) for condition in (words, no_words))
    announce(f"scale transformer {step}: held out {with_text.mean():.4f} nats/code, {without.mean():.4f} without text")
    sizes = [side * side for side in CONFIG.sides]
    each = zip(CONFIG.sides, with_text.split(sizes), without.split(sizes), strict=True)
    announce("  by side  " + "  ".join(f"{side}: {a.mean():.2f}/{b.mean():.2f}" for side, a, b in each))
    state = {"config": CONFIG.model_dump(), "model": model.state_dict(), "step": step, "tokenizer": run.digest}
    with replaced(work_dir / WEIGHTS) as file:
        torch.save(state, file)
    sheet(work_dir / f"scale-samples-{step:06d}.png", model, run.tokenizer)


@torch.inference_mode()
def held_out_loss(model: VAR, words: Tensor, lesson: Lesson) -> Float[Tensor, " t"]:
    """Mean cross entropy of every token over the images, computed in parts that fit into memory."""
    tokens = lesson.codes.shape[1]
    parts = [slice(start, start + 32) for start in range(0, len(words), 32)]
    sums = [losses(model, words[part], lesson.part(part, tokens)) for part in parts]
    return torch.stack(sums).sum(0) / len(words)


@torch.inference_mode()
def sheet(path: Path, model: VAR, tokenizer: MultiScaleVQ, per_prompt: int = 4) -> None:
    """``per_prompt`` images of each of ``SHEET_PROMPTS``, plain sampling at guidance scale 2."""
    decoder = NextScaleDecoder(model=model, tokenizer=tokenizer)
    words = torch.tensor([word_ids(prompt) for prompt in SHEET_PROMPTS])
    indices = [list(range(per_prompt)) for _ in SHEET_PROMPTS]
    noise = TrajectoryNoise.streams(5, list(range(per_prompt * len(SHEET_PROMPTS))))
    live = decoder.start(model.condition(words), indices, noise, branches=2)
    for scale in range(len(model.scales)):
        live = decoder.advance(live) if scale else live
        live = decoder.append(live, decoder.draw(live, 2.0))
    assert live.latent is not None
    images = decoder.pixels(live.latent)
    rows = images.unflatten(0, (-1, per_prompt * 4)).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    Image.fromarray(((rows + 1) * 127.5).byte().numpy()).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=22, help="images of a step")
    parser.add_argument("--whole", type=int, default=3, help="how many of them are taught on all scales")
    parser.add_argument("--coarse-scales", type=int, default=7, help="first scales, which the others are taught on")
    parser.add_argument("--easy-steps", type=int, default=400, help="first steps on scenes of one object")
    parser.add_argument("--chunks", type=int, default=16, help="different chunks before they repeat")
    parser.add_argument("--mistakes", type=float, default=0.2, help="most codes of an image that are replaced, 0 to 1")
    parser.add_argument("--scale-power", type=float, default=0.5, help="weight of a scale: tokens^(1 - power)")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report-every", type=int, default=500)
    parser.add_argument("--compile", action="store_true")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
