"""Scenes with claims about them, as codes of both embedded models: ``python -m training.verifier.drawn.latent_scenes``.

What a head that reads latents is taught with at first: unlike images of a generator they cost next to nothing. Half of
the scenes are edited as those of the reward are (:mod:`training.world.reward_pairs`), none is degraded, since codes are
on the lattice that scenes are drawn on.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from scalingar.bench.benchmarks.geneval.prompts import official_prompts
from scalingar.core.locks import sole_writer
from scalingar.models.embedded.grammar import word_ids
from scalingar.models.embedded.vocabulary import OBJECT_CLASSES
from scalingar.pipeline.pipeline import ImagePipeline
from training.generators.tokenizer import to_tensor
from training.workdir import add_work_dir, announce
from training.world.claims import Thing
from training.world.damage import damage
from training.world.reward_pairs import CLAIMS, WORDS, Pairs, broken, claim_of, claimed, edit, paste
from training.world.scenes import SceneObject, Sprites, render, sample_scene
from training.writing import replaced

CHUNKS, CHUNK = 80, 256
"""Files, and scenes of one."""
SHARES = {
    "single_object": 0.1,
    "two_object": 0.22,
    "counting": 0.15,
    "colors": 0.13,
    "position": 0.18,
    "color_attr": 0.22,
}
"""Of GenEval's tasks."""
DAMAGED = 0.35
"""Share of a drawing's pixels from which damage makes it unrecognisable."""
TOGETHER = 16
"""Pictures encoded at once."""


@dataclass(frozen=True)
class LatentScenes:
    """``codes``: ``(n, t)`` of each model by its name. ``pairs``: as of the reward, per scene. ``taught``:
    ``(n, CLAIMS)``, claims that are no prompt of GenEval, which nothing is taught with.
    """

    codes: dict[str, Tensor]
    pairs: Pairs
    taught: Tensor

    @classmethod
    def load(cls, folder: Path) -> "LatentScenes":
        """All files of :func:`fill`."""
        parts = [np.load(folder / f"{number:04d}.npz") for number in range(CHUNKS)]
        columns = {name: torch.from_numpy(np.concatenate([part[name] for part in parts])) for name in parts[0].files}
        codes = {"embedded": columns["codes"], "embedded-next-scale": columns["scale_codes"]}
        official = {tuple(word_ids(metadata.prompt, WORDS).tolist()) for metadata in official_prompts()}
        words = columns["words"].flatten(0, 1).tolist()
        taught = torch.tensor([tuple(claim) not in official for claim in words]).view(-1, CLAIMS)
        return cls(codes, Pairs(*(columns[name] for name in Pairs._fields)), taught)

    def __len__(self) -> int:
        return len(self.pairs.words)

    def pairs_of(self, rows: NDArray[np.int64]) -> Pairs:
        """The claims and labels of some scenes."""
        words, truths, names, colors, middles = (part[rows] for part in self.pairs)
        return Pairs(words.long(), truths, names.long(), colors.long(), middles)


def draw(rng: Generator, sprites: Sprites) -> tuple[NDArray[np.uint8], Pairs]:
    """One picture ``(SIZE, SIZE, 3)`` with claims about it."""
    scene = sample_scene(rng, SHARES)
    first = claim_of(scene)
    things = edit(rng, [Thing(item) for item in scene.objects])
    whole = tuple(thing.item for thing in things if thing.whole)
    picture: NDArray[np.float32] = render(replace(scene, objects=whole), sprites).astype(np.float32) / np.float32(255)
    for thing in things:
        if not thing.whole:
            paste(picture, thing.item, spoiled(rng, sprites, thing.item))
    pixels = (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return pixels, claimed(rng, first, things, sprites)


def spoiled(rng: Generator, sprites: Sprites, item: SceneObject) -> NDArray[np.float32]:
    """A drawing that cannot be recognised, by the damage of the reward's pictures or that of the detector's."""
    if rng.random() < 0.5:
        return broken(rng, sprites, item)
    others = [sprites[str(rng.choice(list(OBJECT_CLASSES))), item.color] for _ in range(2)]
    damaged = damage(rng, sprites[item.name, item.color], others)
    return damaged.sprite if damaged.share > DAMAGED else broken(rng, sprites, item)


def fill(folder: Path, sprites: Sprites) -> None:
    """Draw what is missing, with a progress bar."""
    tokenizers = {
        name: ImagePipeline.from_pretrained(model).tokenizer
        for name, model in (("codes", "embedded"), ("scale_codes", "embedded-next-scale"))
    }
    missing = [number for number in range(CHUNKS) if not (folder / f"{number:04d}.npz").exists()]
    for number in track(missing, description="drawing scenes"):
        rng = np.random.default_rng((91, number))
        pictures, pairs = zip(*(draw(rng, sprites) for _ in range(CHUNK)), strict=True)
        images = to_tensor(np.stack(pictures)).split(TOGETHER)
        columns = {
            name: torch.cat([encoded(tokenizer, part) for part in images]) for name, tokenizer in tokenizers.items()
        }
        columns |= {name: torch.stack(part) for name, part in zip(Pairs._fields, zip(*pairs, strict=True), strict=True)}
        with replaced(folder / f"{number:04d}.npz") as file:
            np.savez_compressed(file, allow_pickle=False, **{name: slim(column) for name, column in columns.items()})


@torch.inference_mode()
def encoded(tokenizer: Any, images: Tensor) -> Tensor:
    """Codes ``(n, t)``; those of scales one after the other."""
    codes = tokenizer.encode(images)
    return torch.cat([scale.flatten(1) for scale in codes], 1) if isinstance(codes, list) else codes


def slim(column: Tensor) -> NDArray[Any]:
    """In the fewest bytes that hold it."""
    return column.numpy() if column.dtype != torch.long else column.numpy().astype(np.int16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    args = parser.parse_args()
    folder = args.work_dir / "verifier" / "scenes"
    folder.mkdir(parents=True, exist_ok=True)
    with sole_writer(folder):
        fill(folder, Sprites(args.work_dir / "art.npz"))
    announce(f"{CHUNKS * CHUNK} scenes are in {folder}")


if __name__ == "__main__":
    main()
