"""SimpleAR (Wang et al. 2025): a Qwen2 decoder whose vocabulary goes on with the codes of an image.

transformers' class with this package's decoding loop. Code k is word ``first + k``; ``first`` is the size of the text
vocabulary. The authors guide log-probabilities, which is the same as guiding logits: they differ by a number per row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.author_defaults import Defaults
from scalingar.models.hf.hf_cache import HFCache
from scalingar.models.hf.hidden_steps import HiddenSteps
from scalingar.models.hf.loading import load_network, load_text_tokenizer
from scalingar.models.hf.prompt_tokens import PromptTokens, unpadded
from scalingar.models.simplear.frame_decoder import CODES, FrameDecoder, load_frame_decoder

DEFAULTS = Defaults(guidance_scale=6.0, sampling=SamplingConfig())
"""Of the authors' generate.py."""
IMAGE_SIZE = 1024
"""Side in pixels of a square image of the published models."""
PREFIX = "A highly realistic image of "
"""Begins every prompt in the authors' generate.py."""
NEGATIVE_PROMPT = (
    "An image of aerial view, overexposed, low quality, deformation, a poor composition, bad hands, bad teeth, "
    "bad eyes, bad limbs, distortion"
)
"""The authors' prompt of the unconditional branch."""
TASK, BEGIN = "<|t2i|>", "<|soi|>"
"""Tokens before a text and between it and the image."""


@dataclass(frozen=True, kw_only=True)
class SimpleAR(HiddenSteps):
    """A :class:`~scalingar.decoding.contracts.NextTokenModel` around ``Qwen2ForCausalLM``.

    ``grid``: rows and columns of codes. ``first``: the word of code 0. ``negative``: ids of the unconditional branch.
    """

    network: Any
    grid: tuple[int, int]
    first: int
    negative: Int[Tensor, " u"]

    @property
    def vocab_size(self) -> int:
        """Image codes V."""
        return CODES

    def condition(self, inputs: Int[Tensor, "p t"], mask: Bool[Tensor, "p t"] | None = None) -> PromptTokens:
        """Prompts as token ids that end with begin-of-image; ``mask`` excludes padding on either side."""
        rows = unpadded(inputs.to(self.network.device), mask)
        return PromptTokens(rows, [self.negative.to(self.network.device)] * len(rows))

    def _prefilled(self, condition: PromptTokens, *, guided: bool) -> tuple[Float[Tensor, "b d"], HFCache]:
        ids, pads = condition.batch(guided=guided)
        cache = HFCache.empty(self.network.config.num_hidden_layers, pads)
        return cache.feed(self.network.model, ids), cache

    def _fed(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: HFCache) -> Float[Tensor, "n d"]:
        cache.in_step(positions)
        return cache.feed(self.network.model, codes[:, None] + self.first)

    def _logits(self, hidden: Float[Tensor, "n d"]) -> Float[Tensor, "n v"]:
        """Of image codes only."""
        return F.linear(hidden, self.network.lm_head.weight[self.first : self.first + CODES]).float()


@dataclass(frozen=True)
class SimpleARPrompts:
    """Texts between the token of the task and begin-of-image."""

    tokenizer: Any

    def __call__(self, prompts: Sequence[str]) -> tuple[Int[Tensor, "p t"], Bool[Tensor, "p t"]]:
        """Ids ``(p, t)``, padded on the left, and their mask."""
        return self.encoded([PREFIX + prompt.strip() for prompt in prompts])

    def encoded(self, texts: Sequence[str]) -> tuple[Int[Tensor, "p t"], Bool[Tensor, "p t"]]:
        """The same without the authors' first words."""
        framed = [f"{TASK}{text}{BEGIN}" for text in texts]
        batch = self.tokenizer(framed, padding=True, padding_side="left", return_tensors="pt")
        return batch["input_ids"], batch["attention_mask"].bool()


def load_simplear(
    path: str | Path,
    decoder: str | Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    image_size: int = IMAGE_SIZE,
    negative_prompt: str = NEGATIVE_PROMPT,
) -> tuple[SimpleAR, FrameDecoder, SimpleARPrompts, Defaults]:
    """Model, image tokenizer (fp32), prompt encoder and defaults, of a folder and of Cosmos' ``decoder.jit``.

    Raises:
        WeightsError: missing, damaged or incomplete, or another model.
        ConfigError: an image size that is no multiple of the pixels of a code.
    """
    from transformers import Qwen2ForCausalLM  # noqa: PLC0415

    network = load_network(Qwen2ForCausalLM, path, device=device, dtype=dtype)
    tokenizer = load_text_tokenizer(path)
    words = tokenizer.get_vocab()
    if missing := [word for word in (TASK, BEGIN) if word not in words]:
        raise WeightsError(f"{path} is a language model without the words {', '.join(missing)}; it is not SimpleAR.")
    first = len(tokenizer)
    if network.config.vocab_size < first + CODES:
        raise WeightsError(
            f"{path} has {network.config.vocab_size} words, {first} of them text; SimpleAR has {CODES} more for codes."
        )
    images = load_frame_decoder(Path(decoder), device=device)
    side, rest = divmod(image_size, images.downsample)
    if side < 1 or rest:
        raise ConfigError(f"image_size is {image_size}; give a multiple of {images.downsample}, such as {IMAGE_SIZE}.")
    prompts = SimpleARPrompts(tokenizer)
    negative = prompts.encoded([negative_prompt])[0][0]
    model = SimpleAR(network=network, grid=(side, side), first=first, negative=negative)
    return model, images, prompts, DEFAULTS
