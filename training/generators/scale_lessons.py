"""Training data of the next-scale transformer: latents of scenes, encoded once, and the codes to predict."""

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
from training.generators.residuals import encode_scales
from training.generators.scale_tokenizer import WEIGHTS
from training.generators.tokenizer import to_channels_last, to_tensor
from training.generators.transformer import word_ids
from training.keyed import keyed
from training.weights import trained
from training.workdir import announce
from training.world.scenes import Sprites, render, sample_scene
from training.writing import replaced

CHUNK = 2048
"""Scenes that are encoded together; each chunk is a file, so that a killed run loses at most one."""
EASY_SHARES = {"single_object": 0.5, "colors": 0.5}
"""Training begins with scenes of one object. (Crops, as for the next-token model, would have no coarse scales.)"""
NEIGHBOURS = 16


def load_scale_tokenizer(work_dir: Path) -> MultiScaleVQ:
    saved = trained(work_dir, "scale-tokenizer")
    tokenizer = MultiScaleVQ(MultiScaleVQConfig(**saved["config"]))
    tokenizer.load_state_dict(saved["model"])
    to_channels_last(tokenizer)
    return tokenizer.eval().requires_grad_(False)


class Scenes:
    """Chunks of random scenes as words and latents, cached on disk separately for every tokenizer."""

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
        words = np.array([word_ids(scene.prompt) for scene in drawn], np.uint8)
        with replaced(path) as file:
            np.savez(file, words=words, latents=torch.cat(parts).contiguous().numpy())


class Batches:
    """Batches that depend on the step only: first scenes of one object, then of all kinds."""

    def __init__(self, args: argparse.Namespace, scenes: Scenes) -> None:
        self.args, self.scenes = args, scenes
        self.loaded: tuple[int, bool] | None = None

    def __getitem__(self, step: int) -> tuple[Int[Tensor, "n t"], Float[Tensor, "n d h w"]]:
        args = self.args
        easy = step < args.easy_steps
        number, index = divmod(step if easy else step - args.easy_steps, CHUNK // args.batch)
        if self.loaded != (number, easy):
            words, latents = self.scenes.chunk(number % args.chunks, easy=easy)
            order = torch.randperm(len(words), generator=torch.Generator().manual_seed(number))
            self.words, self.latents, self.loaded = words[order], latents[order], (number, easy)
        rows = slice(index * args.batch, (index + 1) * args.batch)
        return self.words[rows], self.latents[rows].float()


@dataclass(frozen=True)
class Lesson:
    """The transformer's input features for scales 1 and later, and the codes of all scales as targets."""

    features: Float[Tensor, "n i d"]
    codes: Int[Tensor, "n t"]

    def part(self, rows: slice, tokens: int) -> Self:
        """Some of the images, and their first ``tokens`` tokens, which must end with a scale."""
        return replace(self, features=self.features[rows, : tokens - 1], codes=self.codes[rows, :tokens])


class Teacher:
    """Makes lessons with mistakes from latents: Infinity's bitwise self-correction (Han et al. 2024), for codes.

    Some codes are replaced by near neighbours; the targets of later scales correct them.
    """

    def __init__(self, quantize: ResidualQuantizer) -> None:
        self.quantize = quantize
        weight = quantize.embedding.weight
        near = min(NEIGHBOURS, len(weight) - 1)
        self.neighbours = torch.cdist(weight, weight).topk(near + 1, largest=False).indices[:, 1:]

    def lesson(self, latents: Float[Tensor, "n d h w"], mistakes: float, seed: int) -> Lesson:
        """``mistakes``: largest share of an image's codes that is replaced; the share is drawn for each image."""
        generator = keyed(seed, 13)
        share = mistakes * torch.rand(len(latents), 1, 1, generator=generator)
        last = len(self.quantize.sides) - 1
        features, codes = [], []

        def with_mistakes(right: Int[Tensor, "n l 1"], scale: int) -> Int[Tensor, "n l 1"]:
            """The last scale has no mistakes, because no scale after it could correct them."""
            draw = torch.randint(self.neighbours.shape[1], right.shape, generator=generator)
            wrong = torch.rand(right.shape, generator=generator) < share
            return torch.where(wrong, self.neighbours[right, draw], right) if scale < last else right

        for encoded in encode_scales(self.quantize, latents, with_mistakes):
            codes.append(encoded.codes[..., 0])
            if encoded.scale < last:
                features.append(self.quantize.features(encoded.latent, encoded.scale + 1))
        return Lesson(torch.cat(features, 1), torch.cat(codes, 1))
