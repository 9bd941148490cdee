"""What the next-scale transformer is taught with: latents of scenes, encoded once, and the codes to predict."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.files import sha256
from scalingar.models.var.multiscale_vq import MultiScaleVQ, MultiScaleVQConfig, ResidualQuantizer
from training.generators.residuals import walk
from training.generators.scale_tokenizer import WEIGHTS
from training.generators.tokenizer import to_channels_last, to_tensor
from training.generators.transformer import word_ids
from training.workdir import announce
from training.world.scenes import Sprites, render, sample_scene

CHUNK = 2048
"""Scenes encoded at a time; each chunk is one file, so that a killed run keeps what it has."""
EASY_SHARES = {"single_object": 0.5, "colors": 0.5}
"""Scenes of one object, which training begins with. (The next-token model's crops would have no coarse scales.)"""
NEIGHBOURS = 16


def load_scale_tokenizer(work_dir: Path) -> MultiScaleVQ:
    saved = torch.load(work_dir / WEIGHTS, weights_only=True)
    tokenizer = MultiScaleVQ(MultiScaleVQConfig(**saved["config"]))
    tokenizer.load_state_dict(saved["model"])
    to_channels_last(tokenizer)
    return tokenizer.eval().requires_grad_(False)


class Scenes:
    """Chunks of random scenes as words and latents, cached on disk; another tokenizer has another cache."""

    def __init__(self, work_dir: Path, tokenizer: MultiScaleVQ, seed: int) -> None:
        self.work_dir, self.tokenizer, self.seed = work_dir, tokenizer, seed
        self.digest = sha256(work_dir / WEIGHTS)
        self.folder = work_dir / f"latents-{self.digest[:8]}"
        self._sprites: Sprites | None = None

    def chunk(self, number: int, *, easy: bool = False) -> tuple[Int[Tensor, "n t"], Float[Tensor, "n d h w"]]:
        """Words and latents (fp16) of ``CHUNK`` scenes."""
        path = self.folder / f"{'easy' if easy else 'all'}-{self.seed}-{number:04d}.npz"
        if not path.exists():
            announce(f"encoding {CHUNK} scenes into {path.name}")
            self._write(path, number, EASY_SHARES if easy else None)
        with np.load(path) as archive:
            return torch.from_numpy(archive["words"]).long(), torch.from_numpy(archive["latents"])

    def _write(self, path: Path, number: int, shares: dict[str, float] | None) -> None:
        rng = np.random.default_rng((self.seed, 13 if shares else 7, number))
        drawn = [sample_scene(rng, shares) for _ in range(CHUNK)]
        self._sprites = self._sprites or Sprites(self.work_dir / "art.npz")
        pictures = np.stack([render(scene, self._sprites) for scene in drawn])
        with torch.inference_mode():
            parts = [self.tokenizer.latent(to_tensor(pictures[i : i + 16])).half() for i in range(0, CHUNK, 16)]
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        words = np.array([word_ids(scene.prompt) for scene in drawn], np.uint8)
        np.savez(partial, words=words, latents=torch.cat(parts).contiguous().numpy())
        partial.replace(path)


class Batches:
    """Batch number ``step``, a function of the step alone: first scenes of one object, then all kinds."""

    def __init__(self, args: argparse.Namespace, scenes: Scenes) -> None:
        self.args, self.scenes = args, scenes
        self.loaded: tuple[int, bool] | None = None

    def __getitem__(self, step: int) -> tuple[Int[Tensor, "n t"], Float[Tensor, "n d h w"]]:
        args = self.args
        easy = step < args.easy_steps
        number, at = divmod(step if easy else step - args.easy_steps, CHUNK // args.batch)
        if self.loaded != (number, easy):
            words, latents = self.scenes.chunk(number % args.chunks, easy=easy)
            order = torch.randperm(len(words), generator=torch.Generator().manual_seed(number))
            self.words, self.latents, self.loaded = words[order], latents[order], (number, easy)
        rows = slice(at * args.batch, (at + 1) * args.batch)
        return self.words[rows], self.latents[rows].float()


@dataclass(frozen=True)
class Lesson:
    """What the transformer reads of scales 1 and later, and the codes of all scales."""

    features: Float[Tensor, "n i d"]
    codes: Int[Tensor, "n t"]

    def part(self, rows: slice, tokens: int) -> Self:
        """Some images, taught up to a token that ends a scale."""
        return replace(self, features=self.features[rows, : tokens - 1], codes=self.codes[rows, :tokens])


class Teacher:
    """Makes lessons of latents, with mistakes in them: Infinity's bitwise self-correction (Han et al. 2024), for codes.

    A code is replaced by one of its nearest neighbours; the scales that follow are then taught to repair it.
    """

    def __init__(self, quantize: ResidualQuantizer) -> None:
        self.quantize = quantize
        weight = quantize.embedding.weight
        near = min(NEIGHBOURS, len(weight) - 1)
        self.neighbours = torch.cdist(weight, weight).topk(near + 1, largest=False).indices[:, 1:]

    def lesson(self, latents: Float[Tensor, "n d h w"], mistakes: float, seed: int) -> Lesson:
        """``mistakes``: most codes of an image that are replaced, as a share; each image's is drawn up to it."""
        generator = torch.Generator().manual_seed(seed)
        share = mistakes * torch.rand(len(latents), 1, 1, generator=generator)
        last = len(self.quantize.sides) - 1
        features, codes = [], []

        def mistaken(right: Int[Tensor, "n l 1"], scale: int) -> Int[Tensor, "n l 1"]:
            """Unless it is the last scale, which nothing follows."""
            draw = torch.randint(self.neighbours.shape[1], right.shape, generator=generator)
            wrong = torch.rand(right.shape, generator=generator) < share
            return torch.where(wrong, self.neighbours[right, draw], right) if scale < last else right

        for walked in walk(self.quantize, latents, mistaken):
            codes.append(walked.codes[..., 0])
            if walked.scale < last:
                features.append(self.quantize.features(walked.latent, walked.scale + 1))
        return Lesson(torch.cat(features, 1), torch.cat(codes, 1))
