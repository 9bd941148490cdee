"""The embedded world's detector: class, box and colour of every object of a 96 x 96 scene, in milliseconds on a CPU."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.bench.judges.detectors.center_net import STRIDE, CenterNet, CenterNetConfig, Heads
from scalingar.bench.judges.detectors.detector import Detection
from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.files import sha256
from scalingar.models.embedded.places import embedded_folder
from scalingar.models.embedded.vocabulary import COLORS, OBJECT_CLASSES
from scalingar.models.weights.module_file import read_module

WEIGHTS = "detector.safetensors"
SIDE = 96
"""Pixels of a scene's side; objects of other sizes than the world's are not found, so other pictures are refused."""
FLOOR = 0.05
"""Reported from this score on; far below every threshold that is asked for."""
REACH = 2
"""Cells around a centre in which no second object is reported: objects are five cells wide."""
MIXED = "mixed"
"""Colour of an object that no single name fits."""
BATCH = 32


class EmbeddedDetector:
    """A :class:`CenterNet` of the embedded world.

    ``source``: a weight file or a folder that holds ``detector.safetensors``; the installed package's if None.
    """

    name = "embedded"
    label = "GenEval (embedded detector)"

    def __init__(
        self,
        source: str | Path | None = None,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Raises WeightsError for a missing, damaged or foreign file."""
        path = embedded_file() if source is None else Path(source).expanduser()
        self.path = path / WEIGHTS if path.is_dir() else path
        self.device, self.dtype = torch.device(device), dtype
        self.network = load_center_net(self.path).to(self.device, dtype)

    @cached_property
    def version(self) -> str:
        """The beginning of the weight file's SHA-256."""
        return sha256(self.path)[:12]

    @torch.inference_mode()
    def __call__(self, images: Sequence[Image.Image]) -> list[list[Detection]]:
        """Objects of each image, most confident first; ``color`` is one of the ten names or ``MIXED``.

        Raises:
            ConfigError: an image is not 96 x 96 pixels.
        """
        found: list[list[Detection]] = []
        for start in range(0, len(images), BATCH):
            pixels = to_pixels(images[start : start + BATCH]).to(self.device, self.dtype)
            found += detections(Heads(*(part.float().cpu() for part in self.network(pixels))))
        return found


def embedded_file() -> Path:
    """Where the weights lie in the installed package."""
    return embedded_folder("detector") / WEIGHTS


def load_center_net(path: Path) -> CenterNet:
    """The network of a file, ready to use. Raises WeightsError."""
    config, weights = read_module(path, CenterNetConfig)
    network = CenterNet(config)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise WeightsError(f"{path} does not fit its own configuration ({error}); install it again.") from None
    return network.eval()


def to_pixels(images: Sequence[Image.Image]) -> Float[Tensor, "n 3 96 96"]:
    """RGB in [-1, 1]. Raises ConfigError for an image of another size."""
    for place, image in enumerate(images):
        if image.size != (SIDE, SIDE):
            raise ConfigError(
                f"image {place} is {image.width} x {image.height} pixels; the embedded detector knows only the "
                f"{SIDE} x {SIDE} scenes of the embedded model."
            )
    pixels = np.stack([np.asarray(image.convert("RGB")) for image in images])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def detections(heads: Heads) -> list[list[Detection]]:
    """Local maxima of the objectness, scored by it times the probability of their class."""
    objectness = heads.objectness.sigmoid()
    around = F.max_pool2d(objectness[:, None], 2 * REACH + 1, stride=1, padding=REACH)[:, 0]
    certainty, names = heads.classes.softmax(1).max(1)
    scores = torch.where(objectness == around, objectness * certainty, 0.0)
    colors = heads.colors.argmax(1)
    found: list[list[Detection]] = [[] for _ in scores]
    for n, row, column in (scores > FLOOR).nonzero().tolist():
        left, top, right, bottom = (heads.sides[n, :, row, column] * STRIDE).tolist()
        x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        found[n].append(
            Detection(
                name=OBJECT_CLASSES[names[n, row, column]],
                box=(x - left, y - top, x + right, y + bottom),
                score=float(scores[n, row, column]),
                color=(*COLORS, MIXED)[int(colors[n, row, column])],
            )
        )
    return [sorted(some, key=lambda one: -one.score) for some in found]
