"""The embedded world's learned reward: does a 96 x 96 scene show what its prompt says?"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.outputs import Truncation
from scalingar.models.embedded.grammar import ParsedPrompt, parse
from scalingar.models.embedded.places import embedded_folder
from scalingar.models.weights.module_file import read_module
from scalingar.rewards.match_net import PATCH, MatchNet, MatchNetConfig
from scalingar.rewards.reward import REWARDS, PixelReward

WEIGHTS = "reward.safetensors"
BATCH = 32


@REWARDS.register("embedded")
class EmbeddedReward(PixelReward):
    """Logit of "the picture shows what the prompt says and nothing else"; about -6 to 6, 0 undecided.

    ``source``: a weight file or a folder that holds ``reward.safetensors``; the installed package's if None.
    It was trained apart from the generator and the detector, and errs where they do not.
    """

    takes_source: ClassVar[bool] = True

    def __init__(self, source: str | Path | None = None, *, device: str | torch.device = "cpu") -> None:
        path = embedded_file() if source is None else Path(source).expanduser()
        self.path = path / WEIGHTS if path.is_dir() else path
        self.device = torch.device(device)

    def prepare(self) -> None:
        """Raises WeightsError for a missing, damaged or foreign weight file."""
        _ = self.network

    @cached_property
    def network(self) -> MatchNet:
        """Loaded once, fp32. Raises WeightsError."""
        config, weights = read_module(self.path, MatchNetConfig)
        network = MatchNet(config)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise WeightsError(f"{self.path} does not fit its own configuration ({error}); install it again.") from None
        return network.to(self.device, torch.float32).eval()

    @torch.inference_mode()
    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """One logit per picture.

        Raises:
            ConfigError: a picture is not of the embedded world's size.
            WeightsError: as :meth:`prepare`.
        """
        ids = parse(prompt).ids[: self.network.config.words]
        words = torch.zeros(1, self.network.config.words, dtype=torch.long, device=self.device)
        words[0, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        logits: list[float] = []
        for start in range(0, len(images), BATCH):
            pixels = self._pixels(images[start : start + BATCH])
            logits += self.network(pixels, words.expand(len(pixels), -1)).tolist()
        return logits

    @torch.inference_mode()
    def patch_features(self, images: Sequence[Image.Image]) -> Float[Tensor, "n p c"]:
        """What the network sees in each 8 x 8 patch, in raster order; their mean tells pictures apart.

        Raises as :meth:`score` does.
        """
        parts = [
            self.network.patches(self._pixels(images[start : start + BATCH])) for start in range(0, len(images), BATCH)
        ]
        return torch.cat(parts).cpu()

    def truncation(self, prompt: str) -> Truncation | None:
        """Terminals past the last that is read; a prompt of GenEval's six kinds never has more than six."""
        parsed, limit = parse(prompt), self.network.config.words
        return None if len(parsed.ids) <= limit else _cut(parsed, limit)

    def _pixels(self, images: Sequence[Image.Image]) -> Float[Tensor, "n 3 h w"]:
        side = self.network.config.grid * PATCH
        for place, image in enumerate(images):
            if image.size != (side, side):
                raise ConfigError(
                    f"image {place} is {image.width} x {image.height} pixels; the reward 'embedded' knows only the "
                    f"{side} x {side} scenes of the embedded model."
                )
        pixels = np.stack([np.asarray(image.convert("RGB")) for image in images])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().to(self.device) / 127.5 - 1


def _cut(parsed: ParsedPrompt, limit: int) -> Truncation:
    return Truncation(len(parsed.ids), limit, " ".join(parsed.terminals[limit:]))


def embedded_file() -> Path:
    """Where the weights lie in the installed package."""
    return embedded_folder("reward") / WEIGHTS
