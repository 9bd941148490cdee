"""The base of rewards that are networks: location of the weights, tokenization and truncation of prompts."""

import warnings
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import WeightsError
from scalingar.core.files import expanded
from scalingar.core.outputs import Truncation
from scalingar.core.packages import require
from scalingar.models.hf.loading import first_sentence
from scalingar.models.weights.hub import at_commits, fetch, located, read_commits, split_name
from scalingar.rewards.reward import REWARDS, PixelReward

_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json")


class TruncationWarning(UserWarning):
    """A reward reads only the beginning of a prompt."""


@dataclass(eq=False)
class LearnedReward(PixelReward):
    """A network that scores images against a prompt, loaded at the first score.

    ``source``: file, folder or hub name of the weights; the published ones if None.
    ``tokenizer``: folder or hub name of the text tokenizer; None: beside the weights, else ``tokenizer_repo``.
    ``device``, ``dtype``: of the network; scores are those of fp32 only in fp32.
    ``batch_size``: images per forward pass.
    """

    independent = True
    repo: ClassVar[str]
    """Hub name of the published weights."""
    file: ClassVar[str | None] = None
    """File in ``repo``; None if the whole repository is the model."""
    tokenizer_repo: ClassVar[str]
    tokenizer_kind: ClassVar[str]
    """Class name in transformers."""
    limit: ClassVar[int]
    """Tokens of a prompt that are read, including first and last special token."""

    source: str | Path | None = None
    _: KW_ONLY
    tokenizer: str | Path | None = None
    device: str | torch.device = "cpu"
    dtype: torch.dtype = torch.float32
    batch_size: int = 8
    _read: dict[str, tuple[Tensor, Truncation | None]] = field(default_factory=dict, init=False, repr=False)
    _commits: MutableMapping[str, str] | None = field(default_factory=read_commits, init=False, repr=False)

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return REWARDS.name_of(type(self))

    @classmethod
    def eyes(cls, source: str | None) -> frozenset[str]:
        """The reward, and the weights that it looks with: a benchmark may judge with the same."""
        return frozenset({f"the reward {REWARDS.name_of(cls)}", f"the model {expanded(source or cls.repo)}"})

    def load(self, location: str | Path) -> Any:
        """The network with the weights at ``location``, a path or a hub name. Raises WeightsError."""
        raise NotImplementedError(type(self).__name__)

    def score_batch(
        self, network: Any, ids: Int[Tensor, "1 t"], pictures: Sequence[Image.Image]
    ) -> Float[Tensor, " n"]:
        """Scores of a batch of images against the prompt with these token ids."""
        raise NotImplementedError(type(self).__name__)

    def vocabulary(self, network: Any) -> int:
        """Size of the network's vocabulary."""
        raise NotImplementedError(type(self).__name__)

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """One score per image, higher is better.

        Raises:
            WeightsError: weights or tokenizer are missing, damaged or do not match, or scores overflow.
        """
        network, ids = self.network, to_device(self._reading(prompt)[0], self.device)
        with torch.inference_mode():
            parts = [self.score_batch(network, ids, part).float() for part in self._batches(images)]
            scores = torch.cat(parts).cpu() if parts else torch.zeros(0)
        if not bool(scores.isfinite().all()):
            raise WeightsError(f"{self.location} gives values that are not numbers in {self.dtype}; use fp32.")
        return scores.tolist()

    def truncation(self, prompt: str) -> Truncation | None:
        """The part of the prompt after the last token that is read."""
        return self._reading(prompt)[1]

    def prepare(self) -> None:
        """Fetch weights and tokenizer. Raises WeightsError, PackageError if they or transformers are missing."""
        _ = self.location, self.text_tokenizer

    @cached_property
    def location(self) -> str | Path:
        """The weights' file or folder, or a hub name for transformers. Raises WeightsError, PackageError."""
        require(f"the reward {self.name}", "hf")
        source = self.repo if self.source is None else str(self.source)
        path = expanded(source)
        if path.exists():
            file = path / (self.file or "")
            return file if file.is_file() else path
        if split_name(source) is None:
            raise WeightsError(
                f"the reward {self.name} finds no weights at {path}; give an existing file or folder, "
                f"or leave it out to use {self.repo}."
            )
        with at_commits(self._commits):
            return source if self.file is None else fetch(source, self.file)

    @cached_property
    def network(self) -> Any:
        """The network, loaded once. Raises WeightsError."""
        with at_commits(self._commits):
            network = self.load(self.location)
        expected, actual = self.vocabulary(network), len(self.text_tokenizer)
        if actual != expected:
            raise WeightsError(
                f"the tokenizer has {actual} tokens and {self.location} expects {expected}; "
                f"put the tokenizer files of {self.tokenizer_repo} beside the weights."
            )
        return network

    @cached_property
    def text_tokenizer(self) -> Any:
        """The tokenizer of the prompts. Raises WeightsError."""
        import transformers  # noqa: PLC0415

        location = self._tokenizer_location()
        try:
            if isinstance(location, Path) and not _has_tokenizer(location):
                # transformers would invent a vocabulary of five words.
                raise OSError(f"it has none of {', '.join(_TOKENIZER_FILES)}")
            with at_commits(self._commits):
                name, revision = located(location)
            kind = getattr(transformers, self.tokenizer_kind)
            return kind.from_pretrained(name, trust_remote_code=False, **revision)
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # transformers raises anything on files it cannot read
            raise WeightsError(
                f"the reward {self.name} finds no tokenizer at {location} ({first_sentence(error).rstrip('.')}); "
                f"put the tokenizer files of {self.tokenizer_repo} beside the weights."
            ) from None

    def _tokenizer_location(self) -> str | Path:
        if self.tokenizer is not None:
            path = expanded(self.tokenizer)
            return path if path.exists() else self.tokenizer
        if isinstance(self.location, Path):
            folder = self.location if self.location.is_dir() else self.location.parent
            if _has_tokenizer(folder):
                return folder
        return self.tokenizer_repo

    def _batches(self, images: Sequence[Image.Image]) -> Iterator[Sequence[Image.Image]]:
        for start in range(0, len(images), self.batch_size):
            yield images[start : start + self.batch_size]

    def _reading(self, prompt: str) -> tuple[Int[Tensor, "1 t"], Truncation | None]:
        """The ids that are read, and the truncation, of which it warns once per prompt."""
        if prompt not in self._read:
            ids, truncation = self._tokens(prompt)
            self._read[prompt] = torch.tensor([ids]), truncation
            if truncation is not None:
                warnings.warn(f"{self.name} {truncation.describe(prompt)}", TruncationWarning, stacklevel=4)
        return self._read[prompt]

    def _tokens(self, prompt: str) -> tuple[list[int], Truncation | None]:
        encoded = self.text_tokenizer(prompt, return_offsets_mapping=True, verbose=False)
        ids = encoded["input_ids"]
        if len(ids) <= self.limit:
            return ids, None
        first_unread = encoded["offset_mapping"][self.limit - 1][0]
        # The last special token replaces the first token that does not fit.
        return [*ids[: self.limit - 1], ids[-1]], Truncation(len(ids), self.limit, prompt[first_unread:])


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _TOKENIZER_FILES)
