"""Pictures in a golden file of Infinity, whose autoencoder is in a file of its own."""

from collections.abc import Iterator
from math import inf

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.pixels import from_levels
from scalingar.doctor.golden.golden_file import IMAGES, Comparison, GoldenFile, difference, read_golden
from scalingar.doctor.golden.infinity.vae_check import build as build_vae
from scalingar.models.infinity.bsq_vae import BSQTokenizer
from scalingar.models.infinity.transformer import Infinity

ONE_LEVEL = 1.0
"""Grey levels are truncated, so a rounding error can change one by a whole level."""

_FLOAT, _BYTES = "greedy_img_f32_row0", "greedy_img_u8_bgr"


def images(file: GoldenFile, model: Infinity, latents: dict[str, Tensor]) -> Iterator[Comparison]:
    """Pictures of the greedy run."""
    names = [name for name in (_FLOAT, _BYTES) if name in file]
    if not names or "greedy" not in latents:
        return
    path = file.path.parent / str(file.meta.get("vae_file", "vae.npz"))
    if not path.is_file():
        for name in names:
            file[name]
            yield Comparison(f"{name}: not compared, {path.name} is missing in {path.parent}", inf, IMAGES)
        return
    tokenizer = BSQTokenizer.for_tokens(build_vae(read_golden(path)), model.schedule, model.groups)
    pixels = tokenizer.decode(latents["greedy"]).clamp(-1, 1)
    if _FLOAT in file:
        yield file.compare(_FLOAT, pixels[:1], IMAGES)
    if _BYTES in file:
        yield Comparison(_BYTES, difference(file[_BYTES].float(), truncated_bgr(pixels)), ONE_LEVEL)


def truncated(pictures: Float[Tensor, "n 3 h w"]) -> list[Image.Image]:
    """RGB in [-1, 1] to 8 bits: ``trunc(255 (x + 1) / 2)``, as Infinity does it; 0.4 levels darker on average."""
    return from_levels(((pictures.clamp(-1, 1) + 1) / 2 * 255).to(torch.uint8))


def truncated_bgr(pixels: Tensor) -> Tensor:
    """Grey levels as the official code writes them: ``(n, h, w, 3)``, blue first, truncated."""
    levels = ((pixels + 1) / 2).movedim(1, -1).mul(255).to(torch.uint8)
    return levels.flip(-1).float()
