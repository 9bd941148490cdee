"""The embedded world's learned reward for how well a 96 x 96 scene matches its prompt."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.device.transfer import to_device
from scalingar.core.outputs import Truncation
from scalingar.models.embedded.grammar import parse, word_ids
from scalingar.models.embedded.installed_weights import embedded_file
from scalingar.models.embedded.scene_pixels import scene_batches
from scalingar.models.weights.module_file import load_module
from scalingar.rewards.match_net import PATCH, MatchNet, MatchNetConfig
from scalingar.rewards.reward import REWARDS, PixelReward


@REWARDS.register("embedded")
class EmbeddedReward(PixelReward):
    """Logit of "the image shows what the prompt says and nothing else"; about -6 to 6, 0 undecided.

    ``source``: a weight file or a folder with ``reward.safetensors``; None: the installed package's.
    It was trained independently of the generator and the detector, so that its errors differ from theirs.
    """

    independent = True

    def __init__(self, source: str | Path | None = None, *, device: str | torch.device = "cpu") -> None:
        """Raises WeightsError for a missing file."""
        self.path = embedded_file("reward", source)
        self.device = torch.device(device)

    def prepare(self) -> None:
        """Load the weights. Raises WeightsError for a damaged or foreign weight file."""
        _ = self.network

    @cached_property
    def network(self) -> MatchNet:
        """The network in fp32, loaded on first use. Raises WeightsError."""
        return load_module(self.path, MatchNetConfig, MatchNet).to(self.device)

    @torch.inference_mode()
    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """One logit per image.

        Raises:
            ConfigError: an image is not of the embedded world's size.
            WeightsError: as :meth:`prepare`.
        """
        words = to_device(word_ids(prompt, self.network.config.words)[None], self.device)
        parts = [self.network(pixels, words.expand(len(pixels), -1)) for pixels in self._batches(images)]
        return torch.cat(parts).tolist() if parts else []

    @torch.inference_mode()
    def patch_features(self, images: Sequence[Image.Image]) -> Float[Tensor, "n p c"]:
        """Features of each 8 x 8 patch, in raster order. Raises the errors of :meth:`score`."""
        return torch.cat([self.network.patches(pixels) for pixels in self._batches(images)]).cpu()

    def truncation(self, prompt: str) -> Truncation | None:
        """The words that are not read; prompts of GenEval have at most six and are read completely."""
        parsed, limit = parse(prompt), self.network.config.words
        if len(parsed.ids) <= limit:
            return None
        return Truncation(len(parsed.ids), limit, " ".join(parsed.terminals[limit:]))

    def _batches(self, images: Sequence[Image.Image]) -> Iterator[Float[Tensor, "n 3 h w"]]:
        side = self.network.config.grid * PATCH
        for pixels in scene_batches(images, side, "the reward 'embedded'"):
            yield to_device(pixels, self.device)
