"""T5 features of captions, arranged in the condition slots as in a checkpoint's training."""

import warnings
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.core.files import expanded
from scalingar.models.prompts.caption_cleaning import clean_caption
from scalingar.models.prompts.feature_cache import FeatureCache, feature_key
from scalingar.models.prompts.t5_loading import FLAN_T5_XL, check_vocabulary, load_encoder, load_tokenizer
from scalingar.models.weights.hub import at_commits, located, read_commits

_SHOWN = 60


class CaptionWarning(UserWarning):
    """A caption that the model does not read, or not completely."""


@dataclass(frozen=True)
class Encoded:
    """One caption: its features (right-padded or not), the slots that it fills, and its tokens before truncation."""

    features: Float[Tensor, "t c"]
    valid: int
    tokens: int


@dataclass(kw_only=True)
class T5Encoder:
    """A :class:`~scalingar.models.prompts.encoders.PromptEncoder` around transformers' ``T5EncoderModel``.

    The encoder is loaded only for captions whose features are not on disk, and released afterwards, so that it takes no
    memory while images are decoded, unless :meth:`keep_loaded` was called.

    ``slots``: condition slots of the transformer. ``width``: channels of the features it reads.
    ``padding``: the side on which slots stay empty. ``zero_pads``: set the features of empty slots to zero.
    ``unpadded``: T5 reads the caption without padding, which is faster and changes rows only by rounding.
    ``clean``: see :func:`~scalingar.models.prompts.caption_cleaning.clean_caption`; off for text to be drawn literally.
    ``kept``: where features are kept between runs.
    """

    path: str | Path = FLAN_T5_XL
    slots: int = 120
    width: int = 2048
    padding: Literal["left", "right"] = "left"
    zero_pads: bool = True
    unpadded: bool = False
    clean: bool = True
    device: str | torch.device = "cpu"
    dtype: torch.dtype = torch.float32
    kept: FeatureCache = field(default_factory=lambda: FeatureCache(None))
    _network: Any = field(default=None, init=False, repr=False)
    _stays: bool = field(default=False, init=False, repr=False)
    _commits: MutableMapping[str, str] | None = field(default_factory=read_commits, init=False, repr=False)

    def __post_init__(self) -> None:
        if self._commits is not None:
            located(self.path)  # so that its commit is known before the first caption is read

    def __call__(self, prompts: list[str]) -> tuple[Float[Tensor, "p t c"], Bool[Tensor, "p t"]]:
        """Features and the mask of valid slots. Captions are encoded one by one, so that none depends on another.

        Raises:
            WeightsError: the encoder is missing or damaged, or does not fit the transformer.
        """
        encoded = [self._encoded(clean_caption(prompt) if self.clean else prompt) for prompt in prompts]
        if not self._stays:
            self.release()
        for prompt, caption in zip(prompts, encoded, strict=True):
            self._warn(prompt, caption)
        features, masks = zip(*map(self._arranged, encoded), strict=True)
        return torch.stack(features), torch.stack(masks)

    def keep_loaded(self) -> None:
        """From now on the encoder stays in memory once it is loaded."""
        self._stays = True

    def release(self) -> None:
        """Free the memory of the encoder."""
        self._network = None
        if torch.device(self.device).type == "cuda":
            torch.cuda.empty_cache()

    def _encoded(self, text: str) -> Encoded:
        settings = {"slots": self.slots, "width": self.width, "dtype": str(self.dtype), "unpadded": self.unpadded}
        key = feature_key(text, model=self._identity, **settings)
        if (kept := self._kept(key)) is not None:
            return kept
        encoded = self._encode(text)
        counts = {"valid": torch.tensor(encoded.valid), "tokens": torch.tensor(encoded.tokens)}
        self.kept.put(key, {"features": encoded.features, **counts})
        return encoded

    def _kept(self, key: str) -> Encoded | None:
        """What is kept of a caption, if it is what this encoder would give; else None, and it is made anew."""
        tensors = self.kept.get(key)
        if tensors is None or set(tensors) != {"features", "valid", "tokens"}:
            return None
        features, counts = tensors["features"], [tensors["valid"], tensors["tokens"]]
        if any(count.ndim or count.is_floating_point() for count in counts):
            return None
        valid, tokens = (int(count) for count in counts)
        fits = (
            features.ndim == 2
            and features.is_floating_point()
            and features.shape[1] == self.width
            and valid == min(tokens, self.slots) >= 1
            and len(features) == (valid if self.unpadded else self.slots)
            and bool(features.isfinite().all())
        )
        return Encoded(features, valid, tokens) if fits else None

    @torch.inference_mode()
    def _encode(self, text: str) -> Encoded:
        ids = self._tokenizer(text)["input_ids"]
        batch = self._tokenizer(
            text,
            max_length=self.slots,
            padding=False if self.unpadded else "max_length",
            padding_side="right",
            truncation=True,
            return_tensors="pt",
        )
        if self._network is None:
            with at_commits(self._commits):
                self._network = load_encoder(self.path, self.width, device=self.device, dtype=self.dtype)
            check_vocabulary(self.path, len(self._tokenizer), self._network.config.vocab_size)
        mask = batch["attention_mask"]
        output = self._network(input_ids=batch["input_ids"].to(self.device), attention_mask=mask.to(self.device))
        features = output.last_hidden_state[0].cpu()
        if not bool(features.isfinite().all()):
            raise WeightsError(f"{self.path} gives values that are not numbers in {self.dtype}; use bf16 or fp32.")
        return Encoded(features, int(mask.sum()), len(ids))

    def _arranged(self, caption: Encoded) -> tuple[Float[Tensor, "t c"], Bool[Tensor, " t"]]:
        missing = self.slots - len(caption.features)
        features, mask = F.pad(caption.features, (0, 0, 0, missing)), torch.arange(self.slots) < caption.valid
        if self.padding == "left":
            features, mask = features.roll(-caption.valid, 0), mask.flip(0)
        return features.masked_fill(~mask[:, None], 0) if self.zero_pads else features, mask

    def _warn(self, prompt: str, caption: Encoded) -> None:
        shown = repr(prompt if len(prompt) <= _SHOWN else prompt[:_SHOWN] + "...")
        if caption.tokens == 1:  # the end of the caption alone
            message = f"nothing of {shown} is left after cleaning; load the model with clean_caption=False to keep it"
        elif caption.tokens > self.slots:
            message = f"{shown} is {caption.tokens} tokens long and the model reads {self.slots}; the end is left out"
        else:
            return
        warnings.warn(message, CaptionWarning, stacklevel=3)

    @cached_property
    def _identity(self) -> list[Any]:
        """The encoder's name with its commit or, if it is a folder, names, sizes and times of its files."""
        folder = expanded(self.path)
        if not folder.is_dir():
            with at_commits(self._commits):
                name, revision = located(self.path)
            return [name, *revision.values()]
        files = [(file.name, file.stat()) for file in sorted(folder.iterdir()) if file.is_file()]
        return [str(folder.resolve()), *([name, stat.st_size, stat.st_mtime_ns] for name, stat in files)]

    @cached_property
    def _tokenizer(self) -> Any:
        with at_commits(self._commits):
            return load_tokenizer(self.path)
