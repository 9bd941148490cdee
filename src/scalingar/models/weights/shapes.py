"""Sizes of a network, determined from the shapes of its tensors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from scalingar.core.errors import ConfigError, WeightsError, sentence
from scalingar.core.settings import Settings
from scalingar.models.weights.listed import listed_keys

C = TypeVar("C", bound=Settings)
_LONGEST_NUMBER = 6
"""Digits of a number in a tensor's name."""


def numbered(weights: Mapping[str, Tensor], stem: str) -> int:
    """Length of the module list ``stem``: one more than its highest index.

    Raises:
        WeightsError: an index below the highest is missing. (A name can claim any number of modules; the file has to
            hold them.)
    """
    names = {name[len(stem) + 1 :].split(".")[0] for name in weights if name.startswith(f"{stem}.")}
    return complete(stem, {name for name in names if name.isdecimal()})


def complete(stem: str, numbers: Iterable[str]) -> int:
    """How many ``numbers`` there are, from 0. Raises WeightsError if one of them is missing."""
    found = set(numbers)
    longest = max(map(len, found), default=0)
    highest = max(map(int, found), default=-1) if longest <= _LONGEST_NUMBER else None
    if highest is None or highest >= len(found):
        shown = f"(a number of {longest} digits)" if highest is None else highest
        raise WeightsError(f"there is {stem}.{shown}, but only {len(found)} of its kind; the file is incomplete.")
    return highest + 1


def check_sizes(pairs: Iterable[tuple[str, object, object]]) -> None:
    """Raises WeightsError unless sizes agree. ``pairs``: message with ``{}``, size in transformer and in tokenizer."""
    for message, expected, actual in pairs:
        if expected != actual:
            raise WeightsError(
                f"the transformer {message.format(expected)}, the tokenizer has {actual}; they do not belong together: "
                "choose the tokenizer published with the transformer."
            )


@dataclass(frozen=True)
class Shapes:
    """The tensor shapes in a file, by name."""

    weights: Mapping[str, Tensor]
    path: str | Path
    kind: str
    """The expected content, such as "LlamaGen transformer"."""
    others: Mapping[str, str]
    """Kinds of other files, for messages, by the name of a tensor that only they have."""

    def of(self, name: str, axes: int) -> torch.Size:
        """The sides of a tensor of ``axes`` axes, none of them empty.

        Raises:
            WeightsError: it is missing, saying what the file is instead, if known; or it has another number of axes.
        """
        if name not in self.weights:
            other = next((other for mark, other in self.others.items() if mark in self.weights), None)
            hint = (
                f"it is {other}, the other of the two files" if other else f"it starts with {listed_keys(self.weights)}"
            )
            raise WeightsError(f"{self.path} holds no {self.kind}: {name!r} is missing; {hint}.")
        shape = self.weights[name].shape
        if len(shape) != axes or 0 in shape:
            raise WeightsError(
                f"{self.path}: {name} is {'x'.join(map(str, shape)) or 'a single number'}, no {self.kind}'s; choose "
                "another file."
            )
        return shape

    def count(self, stem: str) -> int:
        """See :func:`numbered`. Raises WeightsError also where there are none."""
        try:
            count = numbered(self.weights, stem)
        except WeightsError as error:
            raise WeightsError(f"{self.path} holds no complete {self.kind}: {error}") from None
        if not count:
            raise WeightsError(f"{self.path} holds no complete {self.kind}: there is no {stem}.0.")
        return count

    def config(self, kind: type[C], **sizes: Any) -> C:
        """The configuration with these sizes. Raises WeightsError for sizes that make no network."""
        try:
            return kind(**sizes)
        except ConfigError as error:
            raise WeightsError(f"{self.path} holds no {self.kind}: {sentence(error)}") from None

    def heads(
        self, dim: int, heads: int | None, *, published: Mapping[int, int] | None = None, multiple: int = 1
    ) -> int:
        """The number of attention heads, which no shape shows.

        It is ``heads`` if given, else that of the published model of this width, else one for every 64 channels.
        ``multiple``: must divide the channels of a head.

        Raises:
            WeightsError: ``heads`` is None and the width is not a published one.
            ConfigError: the channels cannot be divided into that many heads.
        """
        known = published or {}
        if heads is None and dim not in known and dim % 64:
            raise WeightsError(
                f"{self.path}: the transformer is {dim} wide, no published size; give the number of heads."
            )
        count = heads or known.get(dim, dim // 64)
        if dim % (multiple * count):
            raise ConfigError(f"heads is {count}; {dim} channels do not split into that many heads.")
        return count

    def levels(self, levels: str, blocks: str) -> tuple[int, tuple[int, ...], int]:
        """Channels of a convolutional encoder's first level, multiples of them in all levels, and blocks per level.

        ``levels``, ``blocks``: names of the module lists. Raises WeightsError, also for unpublished widths.
        """
        channels = self.of("encoder.conv_in.weight", 4)[0]
        if channels % 32:
            raise WeightsError(
                f"{self.path}: the first level has {channels} channels; published ones have multiples of 32, so this "
                f"is no {self.kind}."
            )
        stems = [f"encoder.{levels}.{level}.{blocks}" for level in range(self.count(f"encoder.{levels}"))]
        widths = tuple(self.of(f"{stem}.0.conv1.weight", 4)[0] // channels for stem in stems)
        return channels, widths, self.count(f"encoder.{levels}.0.{blocks}")
