"""Janus and Janus-Pro: transformers' classes with this package's decoding loop.

A Llama with a separate embedding table and head for image codes.
"""

from dataclasses import dataclass, field
from math import isqrt
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.attention import sdpa_kernel

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import WeightsError
from scalingar.models.arenas import Arenas
from scalingar.models.attention import BACKENDS
from scalingar.models.author_defaults import Defaults
from scalingar.models.hf.fixed_hf_cache import FixedHFCache
from scalingar.models.hf.hf_cache import HFCache
from scalingar.models.hf.hidden_steps import HiddenSteps
from scalingar.models.hf.loading import generation_defaults, load_network, load_text_tokenizer
from scalingar.models.hf.prompt_tokens import PromptTokens, unpadded

GUIDANCE_SCALE = 5.0
"""The authors', and transformers' default."""

CONVERSATION = "<|User|>: {prompt}\n\n<|Assistant|>:"
"""The training format of a question; the image takes the place of the answer."""


@dataclass(frozen=True, kw_only=True)
class Janus(HiddenSteps):
    """A :class:`~scalingar.decoding.contracts.NextTokenModel` around ``JanusForConditionalGeneration``.

    ``kept``: ids that the null prompt keeps: begin of sequence and begin of image.
    ``padding``: the id that replaces all others.
    ``cuda_graphs``: decode on caches of fixed length with captured steps; None: on CUDA.
    """

    network: Any
    kept: tuple[int, ...]
    padding: int
    cuda_graphs: bool | None = None
    arenas: Arenas = field(default_factory=Arenas, repr=False)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the code grid."""
        side = isqrt(self.network.config.vision_config.num_image_tokens)
        return side, side

    @property
    def vocab_size(self) -> int:
        """Image codes V."""
        return int(self.network.config.vq_config.num_embeddings)

    def condition(self, inputs: Int[Tensor, "p t"], mask: Bool[Tensor, "p t"] | None = None) -> PromptTokens:
        """Prompts as token ids that end with begin-of-image; ``mask`` excludes padding on either side."""
        ids = inputs.to(self.network.device)
        kept = torch.isin(ids, torch.tensor(self.kept, device=ids.device))
        null = torch.where(kept, ids, self.padding)
        return PromptTokens(unpadded(ids, mask), unpadded(null, mask))

    def _prefilled(self, condition: PromptTokens, *, guided: bool) -> tuple[Float[Tensor, "b d"], HFCache]:
        ids, pads = condition.batch(guided=guided)
        cache = HFCache.empty(self.network.config.text_config.num_hidden_layers, pads)
        states = cache.feed(self.network.model.language_model, ids)
        if not self.captures:
            return states, cache
        later = self.grid[0] * self.grid[1] - 1  # the last code is never fed back
        return states, FixedHFCache.of(cache, self.arenas, self._forward, self._logits, later)

    def step(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: HFCache) -> Float[Tensor, "n v"]:
        """Feed code number ``positions`` (all equal) of each row; fp32 logits of the next."""
        if isinstance(cache, FixedHFCache):
            return cache.step(codes, to_device(positions, self.network.device))
        return super().step(codes, positions, cache)

    def step_with_states(
        self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: HFCache
    ) -> tuple[Float[Tensor, "n v"], Float[Tensor, "n d"]]:
        """See :meth:`step`, and the fp32 inputs of the output head."""
        if isinstance(cache, FixedHFCache):
            return cache.step_with_states(codes, to_device(positions, self.network.device))
        return super().step_with_states(codes, positions, cache)

    def _fed(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: HFCache) -> Float[Tensor, "n d"]:
        cache.in_step(positions)
        embedded = self.network.prepare_embeddings_for_image_generation(codes[:, None])
        return cache.feed(self.network.model.language_model, embedded, embedded=True)

    @property
    def captures(self) -> bool:
        """Whether steps are captured."""
        return self.network.device.type == "cuda" if self.cuda_graphs is None else self.cuda_graphs

    def _forward(self, codes: Int[Tensor, " n"], **arguments: Any) -> Float[Tensor, "n d"]:
        embedded = self.network.prepare_embeddings_for_image_generation(codes[:, None])
        with sdpa_kernel(BACKENDS):
            output = self.network.model.language_model(inputs_embeds=embedded, use_cache=True, **arguments)
        states: Tensor = output.last_hidden_state[:, -1]
        return states

    def _logits(self, hidden: Float[Tensor, "n d"]) -> Float[Tensor, "n v"]:
        return self.network.model.generation_head(hidden).float()


@dataclass(frozen=True)
class JanusImages:
    """The pixels of Janus' codes: an :class:`~scalingar.decoding.contracts.ImageTokenizer`."""

    network: Any

    @property
    def downsample(self) -> int:
        """Pixels per code along each axis."""
        return 2 ** (len(self.network.config.vq_config.channel_multiplier) - 1)

    def decode(self, codes: Int[Tensor, "n t"], grid: tuple[int, int]) -> Float[Tensor, "n 3 H W"]:
        """RGB of the model's own grid of codes, nominally in [-1, 1], unclamped."""
        if codes.shape[-1] != grid[0] * grid[1]:
            raise ValueError(f"{codes.shape[-1]} codes do not fill a grid of {grid[0]}x{grid[1]}")
        return self.network.decode_image_tokens(to_device(codes, self.network.device)).permute(0, 3, 1, 2).float()


@dataclass(frozen=True)
class JanusPrompts:
    """Prompts as one-question conversations, followed by the begin-of-image token."""

    tokenizer: Any
    begin_of_image: str

    def __call__(self, prompts: list[str]) -> tuple[Int[Tensor, "p t"], Bool[Tensor, "p t"]]:
        """Ids ``(p, t)``, padded on the left, and their mask."""
        texts = [CONVERSATION.format(prompt=prompt.strip()) + self.begin_of_image for prompt in prompts]
        batch = self.tokenizer(texts, padding=True, padding_side="left", return_tensors="pt")
        return batch["input_ids"], batch["attention_mask"].bool()


def load_janus(
    path: str | Path, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> tuple[Janus, JanusImages, JanusPrompts, Defaults]:
    """Model, image tokenizer (fp32), prompt encoder and defaults from a folder or a hub id.

    Raises:
        WeightsError: missing, damaged or incomplete, or not a Janus model.
    """
    from transformers import JanusForConditionalGeneration  # noqa: PLC0415

    network = load_network(JanusForConditionalGeneration, path, device=device, dtype=dtype)
    images = network.config.vision_config.num_image_tokens
    if images != network.config.vq_config.num_patches**2:
        raise WeightsError(
            f"{path}: the model draws {images} codes, its image tokenizer reads "
            f"{network.config.vq_config.num_patches**2}; they do not belong together."
        )
    tokenizer = load_text_tokenizer(path)
    begin = getattr(tokenizer, "boi_token", None) or "<begin_of_image>"
    words = int(network.config.text_config.vocab_size)
    model = Janus(network=network, **_special_ids(network.generation_config, tokenizer, begin, words, path))
    return model, JanusImages(network), JanusPrompts(tokenizer, begin), generation_defaults(network, GUIDANCE_SCALE)


def _special_ids(config: Any, tokenizer: Any, begin_of_image: str, words: int, path: str | Path) -> dict[str, Any]:
    """Ids of the null prompt, from the generation config or else the tokenizer.

    Raises:
        WeightsError: the tokenizer is another model's.
    """
    settings = getattr(config, "generation_kwargs", None) or {}
    ids = {
        "begin of sequence": _first(config.bos_token_id, tokenizer.bos_token_id),
        "begin of image": _first(settings.get("boi_token_id"), tokenizer.get_vocab().get(begin_of_image)),
        "padding": _first(config.pad_token_id, tokenizer.pad_token_id),
    }
    known = tokenizer.get_vocab()
    if known.get(begin_of_image) != ids["begin of image"] or max(known.values(), default=0) >= words:
        raise WeightsError(
            f"{path}: the tokenizer has {len(known)} tokens and reads {begin_of_image} as {known.get(begin_of_image)}, "
            f"the model has {words} and begins images with {ids['begin of image']}; its tokenizer is not Janus', copy "
            "the model again."
        )
    if missing := [name for name, value in ids.items() if value is None]:
        raise WeightsError(
            f"{path} names no token for {', '.join(missing)}; its tokenizer is not Janus'; copy the model again."
        )
    sequence, image, padding = ids.values()
    return {"kept": (sequence, image), "padding": padding}


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
