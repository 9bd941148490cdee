"""The explicit cache of next-scale models: keys and values per row, and per prompt what its rows share."""

from dataclasses import dataclass, field, fields
from itertools import chain
from typing import Any, Self

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import DecodingError


@dataclass(frozen=True)
class TextMemory:
    """Keys and values of the text, projected once: per layer ``(p, heads, t, head_dim)``.

    ``mask``: which of the ``t`` slots hold text, ``(p, t)``; None: all.
    """

    keys: list[Float[Tensor, "p h t d"]]
    values: list[Float[Tensor, "p h t d"]]
    mask: Bool[Tensor, "p t"] | None = None

    def joined(self, other: Self) -> Self:
        """The texts of both, the shorter ones padded."""
        longest = max(self.keys[0].shape[2], other.keys[0].shape[2])
        first, second = self._padded(longest), other._padded(longest)
        pairs = ((first.keys, second.keys), (first.values, second.values))
        keys, values = ([torch.cat(layer) for layer in zip(*pair, strict=True)] for pair in pairs)
        if first.mask is None and second.mask is None:
            return type(self)(keys, values)
        return type(self)(keys, values, torch.cat([first._slots(), second._slots()]))

    def _padded(self, longest: int) -> Self:
        more = longest - self.keys[0].shape[2]
        if not more:
            return self
        keys, values = ([F.pad(layer, (0, 0, 0, more)) for layer in part] for part in (self.keys, self.values))
        return type(self)(keys, values, F.pad(self._slots(), (0, more)))

    def _slots(self) -> Bool[Tensor, "p t"]:
        """The mask, all true where there is none."""
        keys = self.keys[0]
        return keys.new_ones((keys.shape[0], keys.shape[2]), dtype=torch.bool) if self.mask is None else self.mask


@dataclass(frozen=True)
class PromptMemory:
    """What the rows of a prompt and branch share: ``p`` conditional entries, then ``p`` unconditional ones if guided.

    ``start``: the input of the first scale, ``(p, d)``.
    ``modulation``: adaptive-norm vectors ``(p, 6, d)``, one per layer, or a single one that all layers share.
    ``head``: those of the norm before the output, ``(p, 2, d)``.
    """

    start: Float[Tensor, "p d"]
    modulation: list[Float[Tensor, "p 6 d"]]
    head: Float[Tensor, "p 2 d"]
    text: TextMemory | None = None

    def joined(self, other: Self) -> Self:
        """The entries of both."""
        return _joined(self, other)

    @property
    def nbytes(self) -> int:
        """Bytes of everything kept per prompt."""
        kept = [self.start, *self.modulation, self.head]
        if self.text is not None:
            kept += [*self.text.keys, *self.text.values]
        return sum(tensor.nbytes for tensor in kept)


def _joined(first: Any, second: Any) -> Any:
    """Row by row, whatever the two are made of."""
    if isinstance(first, Tensor):
        return torch.cat([first, second])
    if isinstance(first, TextMemory):
        return first.joined(second)
    if isinstance(first, list):
        return [_joined(*pair) for pair in zip(first, second, strict=True)]
    if first is None:
        return None
    parts = {part.name: _joined(getattr(first, part.name), getattr(second, part.name)) for part in fields(first)}
    return type(first)(**parts)


@dataclass
class ScaleCache:
    """Keys and values of all scales run so far for ``n`` rows, all standing at the same scale.

    ``owners``: the entry of ``prompts`` that each row belongs to, ``(n,)``.
    ``keys[i]``, ``values[i]``: ``(n, heads, s, head_dim)`` of layer ``i``, in the dtype they come in; no layers before
    the first scale. They grow per scale instead of being reserved at their final length: most rows of a search are
    gone before the large scales, whose room they would otherwise have held. Growing copies one layer at a time, about
    twice the final cache over a whole run, which is little beside the attention over it.
    """

    prompts: PromptMemory
    owners: Int[Tensor, " n"]
    keys: list[Float[Tensor, "n h s d"]] = field(default_factory=list)
    values: list[Float[Tensor, "n h s d"]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    """How many tokens the scales run so far have, one after another."""
    keeps: bool = False
    """All scales but the last stay after the last one was run, for a trajectory to start from."""

    @classmethod
    def empty(cls, prompts: PromptMemory) -> Self:
        """One row per entry of ``prompts``, before the first scale."""
        return cls(prompts, torch.arange(len(prompts.start), device=prompts.start.device))

    @property
    def rows(self) -> int:
        """Rows held."""
        return len(self.owners)

    @property
    def nbytes(self) -> int:
        """Bytes of keys and values of the scales, and of what is kept per prompt."""
        return sum(tensor.nbytes for tensor in chain(self.keys, self.values)) + self.prompts.nbytes

    @property
    def tokens(self) -> int:
        """Tokens of the scales run so far."""
        return self.keys[-1].shape[2] if self.keys else 0

    @property
    def lockstep(self) -> bool:
        """All rows stand at the same scale."""
        return True

    def select(self, rows: Int[Tensor, " m"]) -> Self:
        """The given rows, in the given order; a row may repeat. This cache is spent: its layers are freed one by one,
        so that never more than half a layer exists twice.
        """
        rows = to_device(rows, self.owners.device)
        for tensors in (self.keys, self.values):
            for layer, tensor in enumerate(tensors):
                tensors[layer] = tensor.index_select(0, rows)
        self.owners = self.owners.index_select(0, rows)
        return self

    def copy(self, rows: Int[Tensor, " m"]) -> Self:
        """The given rows as a cache of their own; what is kept per prompt is shared."""
        rows = to_device(rows, self.owners.device)
        keys, values = ([layer.index_select(0, rows) for layer in part] for part in (self.keys, self.values))
        return type(self)(self.prompts, self.owners.index_select(0, rows), keys, values, [*self.ends], self.keeps)

    def keep(self) -> None:
        """Scales before the last one stay after the last one was run."""
        self.keeps = True

    def rewind(self, fed: int) -> None:
        """Forget all scales but the first ``fed``. Raises DecodingError where they are gone already."""
        del self.ends[fed:]
        tokens = self.ends[-1] if self.ends else 0
        if tokens > self.tokens:
            raise DecodingError("the scales of a finished image were not kept; nothing can start from them.")
        for part in (self.keys, self.values):
            part[:] = [layer[:, :, :tokens] for layer in part] if tokens else []

    def fits(self, other: Self) -> bool:
        """Both have run the same scales."""
        return self.ends == other.ends

    def join(self, other: Self, order: Int[Tensor, " m"]) -> Self:
        """Rows of both in ``order``; both stand at the same scale."""
        owners = other.owners
        if other.prompts is not self.prompts:
            owners = owners + len(self.prompts.start)
            self.prompts = self.prompts.joined(other.prompts)
        order = to_device(order, owners.device)
        self.owners = torch.cat([self.owners, owners]).index_select(0, order)
        for mine, theirs in ((self.keys, other.keys), (self.values, other.values)):
            for layer, tensor in enumerate(mine):
                mine[layer] = torch.cat([tensor, theirs[layer]]).index_select(0, order)
        return self

    def overwrite(self, rows: Int[Tensor, " m"], fresh: Self) -> None:
        """Impossible: see ``lockstep``. Raises DecodingError."""
        raise DecodingError("the rows of a next-scale model stand at one scale; a row cannot start among others.")

    def extend(
        self, layer: int, key: Float[Tensor, "n h l d"], value: Float[Tensor, "n h l d"], *, last: bool = False
    ) -> tuple[Float[Tensor, "n h s d"], Float[Tensor, "n h s d"]]:
        """Append one scale to a layer and return all of it.

        ``last``: no scale follows, so this one is not kept, and without ``keeps`` what the layer held is freed.
        """
        if layer == 0:
            self.ends.append(self.tokens + key.shape[2])
        nothing = key[:, :, :0], value[:, :, :0]
        kept = (self.keys[layer], self.values[layer]) if self.keeps and layer < len(self.keys) else nothing
        if layer == len(self.keys):
            self.keys.append(key)
            self.values.append(value)
        else:
            self.keys[layer] = torch.cat([self.keys[layer], key], 2)
            self.values[layer] = torch.cat([self.values[layer], value], 2)
        whole = self.keys[layer], self.values[layer]
        if last:
            self.keys[layer], self.values[layer] = kept
        return whole

    def per_row(self, entries: Shaped[Tensor, "p ..."]) -> Shaped[Tensor, "n ..."]:
        """What each row shares with its prompt, such as ``prompts.start``."""
        return entries.index_select(0, self.owners)

    def modulation(self, layer: int) -> Float[Tensor, "n 6 d"]:
        """Adaptive-norm vectors of a layer, per row."""
        shared = self.prompts.modulation
        return self.per_row(shared[layer if len(shared) > 1 else 0])

    def text(
        self, layer: int
    ) -> tuple[Float[Tensor, "n h t d"], Float[Tensor, "n h t d"], Bool[Tensor, "n 1 1 t"] | None]:
        """Text keys and values of a layer and their attention mask, per row, held no longer than the layer runs.

        Raises:
            DecodingError: this model reads no text.
        """
        memory = self.prompts.text
        if memory is None:
            raise DecodingError("the cache holds no text; the model was prefilled without any.")
        mask = None if memory.mask is None else self.per_row(memory.mask)[:, None, None]
        return self.per_row(memory.keys[layer]), self.per_row(memory.values[layer]), mask
