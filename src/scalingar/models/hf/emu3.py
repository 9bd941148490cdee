"""Emu3: transformers' class with this package's decoding loop.

Image codes are words of the text vocabulary. An image is written row by row: ``w`` codes and an end-of-line token, and
three closing tokens after the last row. Only codes are sampled: trajectories hold ``h * w`` of them, and the model
feeds the structural tokens itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.author_defaults import Defaults
from scalingar.models.hf.hf_cache import HFCache
from scalingar.models.hf.hidden_steps import HiddenSteps
from scalingar.models.hf.loading import (
    generation_defaults,
    load_network,
    load_pixel_scale,
    load_text_tokenizer,
)
from scalingar.models.hf.prompt_tokens import PromptTokens, unpadded
from scalingar.models.options import width_and_height
from scalingar.models.weights.listed import listed_keys

GUIDANCE_SCALE = 3.0
"""The authors'."""

IMAGE_SIZE = 720
"""Side in pixels of a square image of the published model."""

NEGATIVE_PROMPT = (
    "lowres, bad anatomy, bad hands, text, error, missing fingers, extra digit, fewer digits, cropped, worst quality, "
    "low quality, normal quality, jpeg artifacts, signature, watermark, username, blurry."
)
"""The authors' prompt of the unconditional branch; the model has no learned null condition."""

_NAMES = {"eol": "<|extra_200|>", "eof": "<|extra_201|>", "eoi": "<|image end|>"}
"""Structural tokens in the published model's tokenizer."""

_TOKENS = {"bos_token": "<|extra_203|>", "boi_token": "<|image start|>", "image_wrapper_token": "<|image token|>"}
"""Tokens before a prompt, between it and the image size, and before the image."""


@dataclass(frozen=True, kw_only=True)
class Emu3(HiddenSteps):
    """A :class:`~scalingar.decoding.contracts.NextTokenModel` around ``Emu3ForConditionalGeneration``.

    ``grid``: rows and columns of codes; the prompt states the same numbers.
    ``negative``: ids for the unconditional branch, one row for all prompts or one each; None: each prompt's last token,
    as in transformers.
    """

    network: Any
    grid: tuple[int, int]
    negative: Sequence[Int[Tensor, " _u"]] | None = None

    @property
    def vocab_size(self) -> int:
        """Image codes V."""
        return len(self.visual)

    @cached_property
    def visual(self) -> Int[Tensor, " v"]:
        """The vocabulary id of each code."""
        words = self.network.vocabulary_mapping.img2bpe
        return torch.tensor([words[code] for code in range(len(words))], device=self.network.device)

    def condition(self, inputs: Int[Tensor, "p t"], mask: Bool[Tensor, "p t"] | None = None) -> PromptTokens:
        """Prompts as token ids that end where the image begins; ``mask`` excludes padding on either side."""
        rows = unpadded(inputs.to(self.network.device), mask)
        if self.negative is None:
            return PromptTokens(rows, [ids[-1:] for ids in rows])
        null = [ids.to(self.network.device) for ids in self.negative]
        return PromptTokens(rows, null if len(null) == len(rows) else null * len(rows))

    def _prefilled(self, condition: PromptTokens, *, guided: bool) -> tuple[Float[Tensor, "b d"], HFCache]:
        ids, pads = condition.batch(guided=guided)
        cache = HFCache.empty(self.network.config.text_config.num_hidden_layers, pads)
        return cache.feed(self.network.model.text_model, ids), cache

    def _fed(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: HFCache) -> Float[Tensor, "n d"]:
        """Feeds end-of-line too, after the last code of a line."""
        position = cache.in_step(positions)
        ids = self.visual[codes][:, None]
        if (position + 1) % self.grid[1] == 0:
            ids = F.pad(ids, (0, 1), value=self.network.vocabulary_mapping.eol_token_id)
        return cache.feed(self.network.model.text_model, ids)

    def sequence(self, codes: Int[Tensor, "n t"]) -> Int[Tensor, "n s"]:
        """Whole images as the model writes them, with end-of-line and closing tokens."""
        names, text = self.network.config.vocabulary_map or {}, self.network.config.text_config
        end = text.eos_token_id[0] if isinstance(text.eos_token_id, list) else text.eos_token_id
        lines = F.pad(self.visual[codes].unflatten(1, self.grid), (0, 1), value=names[_NAMES["eol"]])
        closing = torch.tensor([names[_NAMES["eof"]], names[_NAMES["eoi"]], end], device=lines.device)
        return torch.cat([lines.flatten(1), closing.expand(len(codes), -1)], dim=1)

    def _logits(self, hidden: Float[Tensor, "n d"]) -> Float[Tensor, "n v"]:
        """Of image codes only, less than a fifth of the vocabulary."""
        weight = self.network.lm_head.weight
        first = int(self._span[0])
        rows = weight[first : first + self.vocab_size] if self._span[1] else weight[self.visual]
        return F.linear(hidden, rows).float()

    @cached_property
    def _span(self) -> tuple[int, bool]:
        """The first code's vocabulary id, and whether the ids are consecutive: then no weights need copying."""
        first = int(self.visual[0])
        return first, bool((self.visual == torch.arange(len(self.visual), device=self.visual.device) + first).all())


@dataclass(frozen=True)
class Emu3Images:
    """The pixels of Emu3's codes: an :class:`~scalingar.decoding.contracts.ImageTokenizer`.

    ``mean``, ``std``: of the training images, per channel in [0, 1]; 0.5 and 0.5 give RGB in [-1, 1].
    """

    network: Any
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    @property
    def downsample(self) -> int:
        """Pixels per code along each axis."""
        return int(self.network.model.vqmodel.spatial_scale_factor)

    def decode(self, codes: Int[Tensor, "n t"], grid: tuple[int, int]) -> Float[Tensor, "n 3 H W"]:
        """RGB of a grid of codes, nominally in [-1, 1], unclamped."""
        if codes.shape[-1] != grid[0] * grid[1]:
            raise ValueError(f"{codes.shape[-1]} codes do not fill a grid of {grid[0]}x{grid[1]}")
        picture = self.network.model.vqmodel.decode(to_device(codes, self.network.device).unflatten(1, grid)).float()
        mean, std = (picture.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return 2 * (picture * std + mean) - 1


@dataclass(frozen=True)
class Emu3Prompts:
    """Encodes prompts between begin-of-sequence and the header of an image of ``h*w`` codes."""

    tokenizer: Any
    grid: tuple[int, int]

    def __call__(self, prompts: list[str]) -> tuple[Int[Tensor, "p t"], Bool[Tensor, "p t"]]:
        """Ids ``(p, t)``, padded on the left, and their mask."""
        start, image, begin = (getattr(self.tokenizer, name, None) or default for name, default in _TOKENS.items())
        texts = [f"{start}{prompt}{image}{self.grid[0]}*{self.grid[1]}{begin}" for prompt in prompts]
        batch = self.tokenizer(texts, padding=True, padding_side="left", add_special_tokens=False, return_tensors="pt")
        return batch["input_ids"], batch["attention_mask"].bool()


def load_emu3(
    path: str | Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    aspect_ratio: float | str = 1.0,
    image_area: int = IMAGE_SIZE**2,
    negative_prompt: str = NEGATIVE_PROMPT,
) -> tuple[Emu3, Emu3Images, Emu3Prompts, Defaults]:
    """Model, image tokenizer (fp32), prompt encoder and defaults from a folder or a hub id.

    ``aspect_ratio``: width over height, or "w:h"; ``image_area``: pixels, to the nearest grid of codes.

    Raises:
        WeightsError: missing, damaged or incomplete, or not an Emu3 model.
        ConfigError: an invalid aspect ratio or area.
    """
    from transformers import Emu3ForConditionalGeneration  # noqa: PLC0415

    network = load_network(Emu3ForConditionalGeneration, path, device=device, dtype=dtype)
    check_vocabulary(network, path)
    images = Emu3Images(network, *load_pixel_scale(path))
    grid = code_grid(aspect_ratio, image_area, images.downsample)
    tokenizer = load_text_tokenizer(path)
    check_tokenizer(tokenizer, network, path)
    prompts = Emu3Prompts(tokenizer, grid)
    model = Emu3(network=network, grid=grid, negative=list(prompts([negative_prompt])[0]))
    return model, images, prompts, generation_defaults(network, GUIDANCE_SCALE)


def code_grid(aspect_ratio: float | str, image_area: int, downsample: int) -> tuple[int, int]:
    """Rows and columns of codes for an image of ``aspect_ratio`` (width over height) and ``image_area`` pixels.

    Raises ConfigError.
    """
    width, height = width_and_height(aspect_ratio)
    unit = (image_area / (width * height)) ** 0.5 / downsample if image_area > 0 else 0.0
    grid = round(height * unit), round(width * unit)
    if min(grid) < 1:
        raise ConfigError(
            f"{image_area} pixels at aspect_ratio {aspect_ratio} are less than one code of {downsample} pixels on a "
            "side; draw a larger image."
        )
    return grid


def check_tokenizer(tokenizer: Any, network: Any, path: str | Path) -> None:
    """Raises WeightsError unless the tokenizer knows the tokens around a prompt, and the same words as the model."""
    known, words = tokenizer.get_vocab(), int(network.config.text_config.vocab_size)
    around = [getattr(tokenizer, name, None) or default for name, default in _TOKENS.items()]
    missing = [token for token in around if token not in known]
    other = [name for name, word in (network.config.vocabulary_map or {}).items() if known.get(name, word) != word]
    if missing or other or max(known.values(), default=0) >= words:
        raise WeightsError(
            f"{path}: its tokenizer is not Emu3's: it has {len(known)} tokens for {words} words of the model, and "
            f"lacks or renumbers {listed_keys([*missing, *other]) or 'none of them'}; copy the model again."
        )


def check_vocabulary(network: Any, path: str | Path) -> None:
    """Raises WeightsError unless the vocabulary has a word for each code and for the ends of lines and images."""
    names = network.config.vocabulary_map or {}
    if missing := [name for name in _NAMES.values() if name not in names]:
        raise WeightsError(f"{path}: the vocabulary has no {', '.join(missing)}; config.json is not Emu3's.")
    words, codes = network.vocabulary_mapping.img2bpe, network.config.vq_config.codebook_size
    if sorted(words) != list(range(codes)):
        raise WeightsError(
            f"{path}: the vocabulary has {len(words)} visual tokens, the image tokenizer {codes} codes; "
            "they do not belong together."
        )
