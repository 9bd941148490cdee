"""Sizes of a network, determined from the shapes of its tensors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.weights.checkpoint import listed_keys


def numbered(weights: Mapping[str, Tensor], stem: str) -> int:
    """Length of the module list ``stem``: one more than its highest index."""
    numbers = (name[len(stem) + 1 :].split(".")[0] for name in weights if name.startswith(f"{stem}."))
    return 1 + max((int(number) for number in numbers if number.isdecimal()), default=-1)


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

    def __getitem__(self, name: str) -> torch.Size:
        """Raises WeightsError if the tensor is missing, saying what the file is instead, if known."""
        if name in self.weights:
            return self.weights[name].shape
        other = next((other for mark, other in self.others.items() if mark in self.weights), None)
        hint = f"it is {other}, the other of the two files" if other else f"it starts with {listed_keys(self.weights)}"
        raise WeightsError(f"{self.path} holds no {self.kind}: {name!r} is missing; {hint}.")

    def count(self, stem: str) -> int:
        """See :func:`numbered`."""
        return numbered(self.weights, stem)

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
        channels = self["encoder.conv_in.weight"][0]
        if channels % 32:
            raise WeightsError(
                f"{self.path}: the first level has {channels} channels; published ones have multiples of 32, so this "
                f"is no {self.kind}."
            )
        stems = [f"encoder.{levels}.{level}.{blocks}" for level in range(self.count(f"encoder.{levels}"))]
        widths = tuple(self[f"{stem}.0.conv1.weight"][0] // channels for stem in stems)
        return channels, widths, self.count(f"encoder.{levels}.0.{blocks}")
