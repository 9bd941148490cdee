"""Sizes of a network, read off the shapes of its tensors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.weights.checkpoint import listed_keys


def numbered(weights: Mapping[str, Tensor], stem: str) -> int:
    """Children of the module list ``stem``, counted up to the last that is there."""
    numbers = (name[len(stem) + 1 :].split(".")[0] for name in weights if name.startswith(f"{stem}."))
    return 1 + max((int(number) for number in numbers if number.isdecimal()), default=-1)


def check_sizes(pairs: Iterable[tuple[str, object, object]]) -> None:
    """Compare each pair: what a transformer does with ``{}``, its size, and the tokenizer's. Raises WeightsError."""
    for what, wanted, found in pairs:
        if wanted != found:
            raise WeightsError(
                f"the transformer {what.format(wanted)}, the tokenizer has {found}; they do not belong together: "
                "choose the tokenizer published with the transformer."
            )


@dataclass(frozen=True)
class Shapes:
    """Shapes by name of the tensors of one file."""

    weights: Mapping[str, Tensor]
    path: str | Path
    kind: str
    """What the file should hold, such as "LlamaGen transformer"."""
    others: Mapping[str, str]
    """What a file is that has a tensor of this name: the model's other file, given by mistake."""

    def __getitem__(self, name: str) -> torch.Size:
        """Raises WeightsError that says what the file is instead, as far as that can be told."""
        if name in self.weights:
            return self.weights[name].shape
        other = next((other for mark, other in self.others.items() if mark in self.weights), None)
        hint = f"it is {other}, the other of the two files" if other else f"it starts with {listed_keys(self.weights)}"
        raise WeightsError(f"{self.path} holds no {self.kind}: {name!r} is missing; {hint}.")

    def count(self, stem: str) -> int:
        """See :func:`numbered`."""
        return numbered(self.weights, stem)

    def heads(
        self, dim: int, given: int | None, *, published: Mapping[int, int] | None = None, multiple: int = 1
    ) -> int:
        """Attention heads, which no shape tells: as given, as published for this width, else 64 channels each.

        A head's channels are a ``multiple``.

        Raises:
            WeightsError: not given, and no published size.
            ConfigError: the channels do not split into that many.
        """
        known = published or {}
        if given is None and dim not in known and dim % 64:
            raise WeightsError(
                f"{self.path}: the transformer is {dim} wide, no published size; give the number of heads."
            )
        count = given or known.get(dim, dim // 64)
        if dim % (multiple * count):
            raise ConfigError(f"heads is {count}; {dim} channels do not split into that many heads.")
        return count

    def levels(self, levels: str, blocks: str) -> tuple[int, tuple[int, ...], int]:
        """Of a convolutional encoder: channels of the first level, widths as multiples of them, blocks per level.

        ``levels`` and ``blocks`` are the names of its module lists. Raises WeightsError as ``shapes[name]`` does, and
        for widths that are no published model's.
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
