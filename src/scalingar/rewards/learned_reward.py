"""What rewards that are networks have in common: where their weights lie, and how much of a prompt they read."""

import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.core.outputs import Truncation
from scalingar.models.hf.loading import REFUSALS, first_sentence
from scalingar.models.weights.hub import fetch, split_name
from scalingar.rewards.reward import REWARDS, PixelReward

_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json")


class TruncationWarning(UserWarning):
    """A prompt of which a reward reads only the beginning."""


@dataclass(eq=False)
class LearnedReward(PixelReward):
    """A network that scores pictures against a prompt. Nothing is loaded before the first score.

    ``source``: file, folder or hub name of the weights; the published ones if None.
    ``tokenizer``: folder or hub name of the text tokenizer; None: beside the weights, else ``tokenizer_repo``.
    ``device``, ``dtype``: of the network; scores are those of fp32 only in fp32.
    ``batch_size``: pictures that go through the network together.
    """

    repo: ClassVar[str]
    """Of the published weights."""
    file: ClassVar[str | None] = None
    """In that repository; None where the whole of it is one model."""
    tokenizer_repo: ClassVar[str]
    tokenizer_kind: ClassVar[str]
    """The name of transformers' class."""
    limit: ClassVar[int]
    """Tokens of a prompt that are read, first and last mark included."""

    source: str | Path | None = None
    _: KW_ONLY
    tokenizer: str | Path | None = None
    device: str | torch.device = "cpu"
    dtype: torch.dtype = torch.float32
    batch_size: int = 8
    _read: dict[str, tuple[Tensor, Truncation | None]] = field(default_factory=dict, init=False, repr=False)

    @property
    def name(self) -> str:
        """As the registry has it."""
        return REWARDS.name_of(type(self))

    def load(self, location: str | Path) -> Any:
        """The network of the weights at ``place``, a path or a hub name. Raises WeightsError."""
        raise NotImplementedError(type(self).__name__)

    def score_batch(
        self, network: Any, ids: Int[Tensor, "1 t"], pictures: Sequence[Image.Image]
    ) -> Float[Tensor, " n"]:
        """Scores of some pictures against the prompt that was read as ``ids``."""
        raise NotImplementedError(type(self).__name__)

    def vocabulary(self, network: Any) -> int:
        """How many tokens the network knows."""
        raise NotImplementedError(type(self).__name__)

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """One number per picture, higher is better.

        Raises:
            WeightsError: the weights or the tokenizer are missing, damaged, do not belong together, or overflow.
        """
        network, ids = self.network, self._reading(prompt)[0].to(self.device)
        with torch.inference_mode():
            parts = [self.score_batch(network, ids, part).float().cpu() for part in self._batches(images)]
        scores = torch.cat(parts) if parts else torch.zeros(0)
        if not bool(scores.isfinite().all()):
            raise WeightsError(f"{self.location} gives values that are not numbers in {self.dtype}; use fp32.")
        return [float(score) for score in scores]

    def truncation(self, prompt: str) -> Truncation | None:
        """What of the prompt lies behind the last token the network reads."""
        return self._reading(prompt)[1]

    def prepare(self) -> None:
        """Raises WeightsError where transformers, the weights or the tokenizer are missing; fetches them if need be."""
        _ = self.location, self.text_tokenizer

    @cached_property
    def location(self) -> str | Path:
        """Where the weights lie: a file or folder, or a hub name for transformers. Raises WeightsError."""
        if importlib.util.find_spec("transformers") is None:
            raise WeightsError(f"the reward {self.name} needs transformers; install it with pip install scalingar[hf].")
        source = self.repo if self.source is None else str(self.source)
        path = Path(source).expanduser()
        if path.exists():
            named = path / (self.file or "")
            return named if named.is_file() else path
        if split_name(source) is None:
            raise WeightsError(
                f"the reward {self.name} finds no weights at {path}; give an existing file or folder, "
                f"or leave it out to use {self.repo}."
            )
        return source if self.file is None else fetch(source, self.file)

    @cached_property
    def network(self) -> Any:
        """The network, loaded once. Raises WeightsError."""
        network = self.load(self.location)
        known, given = self.vocabulary(network), len(self.text_tokenizer)
        if given != known:
            raise WeightsError(
                f"the tokenizer has {given} tokens and {self.location} knows {known}; "
                f"use that of {self.tokenizer_repo}, put it beside the weights."
            )
        return network

    @cached_property
    def text_tokenizer(self) -> Any:
        """The tokenizer of the prompts. Raises WeightsError."""
        import transformers  # noqa: PLC0415

        where = self._tokenizer_place()
        try:
            if isinstance(where, Path) and not _holds_tokenizer(where):
                # transformers would make up a vocabulary of five words.
                raise OSError(f"none of {', '.join(_TOKENIZER_FILES)} is there")
            return getattr(transformers, self.tokenizer_kind).from_pretrained(str(where))
        except REFUSALS as error:
            raise WeightsError(
                f"the reward {self.name} finds no tokenizer at {where} ({first_sentence(error).rstrip('.')}); "
                f"put the tokenizer files of {self.tokenizer_repo} beside the weights."
            ) from None

    def _tokenizer_place(self) -> str | Path:
        if self.tokenizer is not None:
            given = Path(self.tokenizer).expanduser()
            return given if given.exists() else self.tokenizer
        if isinstance(self.location, Path):
            folder = self.location if self.location.is_dir() else self.location.parent
            if _holds_tokenizer(folder):
                return folder
        return self.tokenizer_repo

    def _batches(self, images: Sequence[Image.Image]) -> Iterator[Sequence[Image.Image]]:
        for start in range(0, len(images), self.batch_size):
            yield images[start : start + self.batch_size]

    def _reading(self, prompt: str) -> tuple[Int[Tensor, "1 t"], Truncation | None]:
        """The ids that are read, and what is left out; told once per prompt."""
        if prompt not in self._read:
            ids, truncation = self._tokens(prompt)
            self._read[prompt] = torch.tensor([ids]), truncation
            if truncation is not None:
                warnings.warn(f"{self.name} {truncation.describe(prompt)}", TruncationWarning, stacklevel=4)
        return self._read[prompt]

    def _tokens(self, prompt: str) -> tuple[list[int], Truncation | None]:
        read = self.text_tokenizer(prompt, return_offsets_mapping=True, verbose=False)
        ids = read["input_ids"]
        if len(ids) <= self.limit:
            return ids, None
        first_unread = read["offset_mapping"][self.limit - 1][0]
        # The last mark takes the place of the first token that does not fit.
        return [*ids[: self.limit - 1], ids[-1]], Truncation(len(ids), self.limit, prompt[first_unread:])


def _holds_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _TOKENIZER_FILES)
