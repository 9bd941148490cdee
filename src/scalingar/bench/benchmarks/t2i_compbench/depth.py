"""How near the things of an image are: DPT, or maps that another program made."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image

from scalingar.bench.image_files import loaded
from scalingar.bench.judges.pretrained import PretrainedNetwork, weights_name
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.core.pixels import levels, standardised

Nearness = Callable[[Image.Image], Float[np.ndarray, "h w"]]
"""From an image to a map of its size, larger where it is nearer."""
HALF = (0.5, 0.5, 0.5)
_PARTS = 3
"""Parts of a path, from the end, that identify an image."""


def load_depth(kind: str, source: str | None, *, device: str | torch.device, dtype: torch.dtype) -> Nearness:
    """DPT, or the maps of a folder. Raises ConfigError without that folder."""
    if kind == "precomputed":
        if source is None:
            raise ConfigError("depth=precomputed needs its folder of maps; set depth_source to it.")
        return DepthMaps(Path(source).expanduser())
    return DPTDepth(source, device=device, dtype=dtype)


class DPTDepth(PretrainedNetwork):
    """DPT (Ranftl et al. 2021) of transformers, whose output is inverse depth up to scale and shift."""

    kind: ClassVar[str] = "dpt"
    architecture: ClassVar[str] = "DPTForDepthEstimation"
    default: ClassVar[str] = "Intel/dpt-hybrid-midas"
    """DPT-hybrid, the weights that the benchmark uses."""

    @torch.inference_mode()
    def __call__(self, image: Image.Image) -> Float[np.ndarray, "h w"]:
        """The image is squashed to the network's square, and the map stretched back."""
        side = self.network.config.image_size
        small = image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
        pixels = self.to_network(standardised(levels([small]), HALF, HALF))
        nearness = self.network(pixel_values=pixels).predicted_depth[:, None].float()
        whole = F.interpolate(nearness, (image.height, image.width), mode="bilinear", align_corners=True)
        return np.asarray(whole[0, 0].cpu().numpy())


class DepthMaps:
    """Grey images, brighter where it is nearer, under the last three parts of the images' paths, as ``.png``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def name(self) -> str:
        """The hash of the folder."""
        return f"precomputed {weights_name(self.folder)}"

    def __call__(self, image: Image.Image) -> Float[np.ndarray, "h w"]:
        """Raises BenchmarkError for an image without a file name, without a map, or with one of another size."""
        name = str(getattr(image, "filename", "")).replace("\\", "/")
        if not name:
            raise BenchmarkError("an image without a file name has no precomputed depth; score images on disk.")
        path = self.folder.joinpath(*PurePosixPath(name).with_suffix(".png").parts[-_PARTS:])
        if not path.exists():
            raise BenchmarkError(f"there is no depth map {path}: No such file; make one for each image.")
        values = _depths(loaded(path), path)
        if values.shape != (image.height, image.width):
            raise BenchmarkError(
                f"{path} is {values.shape[1]} x {values.shape[0]} pixels, its image {image.width} x {image.height}."
            )
        return values


def _depths(image: Image.Image, path: Path) -> Float[np.ndarray, "h w"]:
    """Raises BenchmarkError for colours, which are no order, and for what is no number."""
    if len(image.getbands()) > 1:
        channels = np.asarray(image.convert("RGB"))
        if (channels != channels[..., :1]).any():
            raise BenchmarkError(f"{path} is in colour; save depth as grey, brighter where it is nearer.")
    values: Float[np.ndarray, "h w"] = np.asarray(image.convert("F"))
    if not np.isfinite(values).all():
        raise BenchmarkError(f"{path} holds values that are not numbers; make it again.")
    return values
