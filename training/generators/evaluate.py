"""Share of the embedded model's images that show what their prompts say, by template matching."""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from scalingar.bench.image_seeds import image_seed
from scalingar.core.pixels import rounded
from scalingar.pipeline.pipeline import ImagePipeline
from training.generators.tokenizer import to_tensor
from training.workdir import add_work_dir, announce
from training.world.scenes import TASK_SHARES, Scene, Sprites, render, sample_scene
from training.world.templates import Match, Templates

TOGETHER = 16
"""Images drawn at once."""


def shows(scene: Scene, found: list[Match]) -> bool:
    """Whether the matches are the objects of the scene, with their colours and relation, and no others."""
    if Counter((m.name, m.color) for m in found) != Counter((item.name, item.color) for item in scene.objects):
        return False
    if scene.task != "position":
        return True
    by_name = {match.name: match for match in found}
    first, second = (by_name[item.name] for item in scene.objects)
    down, right = first.row - second.row, first.column - second.column
    relation = next(r for r in ("left of", "right of", "above", "below") if f" {r} " in scene.prompt)
    axis = {"left of": -right, "right of": right, "above": -down, "below": down}[relation]
    return axis >= 2 and axis > min(abs(down), abs(right))


def drawn_by(pipe: ImagePipeline, prompts: list[str], seed: int, guidance_scale: float | None) -> Iterator[Tensor]:
    """An image ``(3, SIZE, SIZE)`` in [-1, 1] of each prompt, on noise of its own."""
    seeds = [image_seed(seed, prompt, number) for number, prompt in enumerate(prompts)]
    for start in range(0, len(prompts), TOGETHER):
        part = slice(start, start + TOGETHER)
        output = pipe(
            prompts[part], strategy="single", seed=seeds[part], guidance_scale=guidance_scale, output_type="pt"
        )
        yield from (torch.as_tensor(image) * 2 - 1 for image in output.images)


def sheet(images: list[Tensor], columns: int = 16) -> Tensor:
    """All images ``(3, h, w)`` in rows, as one; the rest of the last row is white."""
    blank = torch.ones_like(images[0])
    filled = images + [blank] * (-len(images) % columns)
    rows = [torch.cat(filled[start : start + columns], dim=2) for start in range(0, len(filled), columns)]
    return torch.cat(rows, dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--model", default="embedded", help="model folder, or 'embedded'")
    parser.add_argument("--prompts", type=int, default=96, help="random prompts, an image each")
    parser.add_argument("--task", choices=list(TASK_SHARES), default=None, help="prompts of one task only")
    parser.add_argument("--sheet", type=Path, default=None, help="also write all images as one PNG")
    parser.add_argument("--guidance-scale", type=float, default=None)
    parser.add_argument("--seed", type=int, default=4242, help="of the held-out prompts and of the noise")
    args = parser.parse_args()
    sprites = Sprites(args.work_dir / "art.npz")
    templates = Templates(sprites)
    rng = np.random.default_rng((args.seed, 99))
    shares = None if args.task is None else {args.task: 1.0}
    scenes = [sample_scene(rng, shares) for _ in range(args.prompts)]
    truth, drawn = defaultdict(list), defaultdict(list)
    for scene in scenes:
        picture = to_tensor(render(scene, sprites)[None])[0]
        truth[scene.task].append(shows(scene, templates.find(picture)))
    pipe = ImagePipeline.from_pretrained(args.model)
    images = list(drawn_by(pipe, [scene.prompt for scene in scenes], args.seed, args.guidance_scale))
    for scene, image in zip(scenes, images, strict=True):
        drawn[scene.task].append(shows(scene, templates.find(image)))
    for task in sorted(truth):
        right, possible = np.mean(drawn[task]), np.mean(truth[task])
        announce(f"{task:14s} {right:6.1%} of {len(drawn[task])} images; true renders {possible:6.1%}")
    everything = [value for values in drawn.values() for value in values]
    announce(f"{'all':14s} {np.mean(everything):6.1%}")
    if args.sheet is not None:
        rounded(sheet(images)).save(args.sheet)


if __name__ == "__main__":
    main()
