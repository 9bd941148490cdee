"""transformers' key-value cache as the decoding loop's cache."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.attention import sdpa_kernel

from scalingar.core.errors import DecodingError
from scalingar.core.packages import require
from scalingar.models.attention import BACKENDS

require("this model", "hf")
from transformers.cache_utils import Cache, DynamicLayer  # noqa: E402  what needs it is told first

CHUNK = 256
"""Slots by which a layer's buffers grow."""


class GrowingLayer(DynamicLayer):
    """One layer's keys and values, written in place into buffers that grow by chunks.

    transformers' dynamic layer copies everything at every token; its static layer cannot drop rows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.buffers: list[Float[Tensor, "n h s d"]] = []
        self.filled = 0

    def update(
        self, key_states: Float[Tensor, "n h q d"], value_states: Float[Tensor, "n h q d"], *args: Any, **kwargs: Any
    ) -> tuple[Float[Tensor, "n h k d"], Float[Tensor, "n h k d"]]:
        """Append, and return the filled part (views, no copy)."""
        states = (key_states, value_states)
        if not self.is_initialized:
            self.lazy_initialization(*states)
            self.buffers = [state[:, :, :0] for state in states]
        end = self.filled + key_states.shape[-2]
        for part, state in enumerate(states):
            if end > self.buffers[part].shape[-2]:
                self._grow(part, end)
            self.buffers[part][:, :, self.filled : end] = state
        self.filled = end
        return self._filled_views()

    def batch_select_indices(self, indices: Int[Tensor, " m"]) -> None:
        """Keep ``indices``; old keys are freed before values are copied."""
        self.keys = self.values = None
        for part in range(len(self.buffers)):
            self.buffers[part] = self.buffers[part].index_select(0, indices)
        self._filled_views()

    def copied(self, rows: Int[Tensor, " m"]) -> "GrowingLayer":
        """A copy of ``rows``."""
        copy = GrowingLayer()
        if self.buffers:
            copy.lazy_initialization(*(buffer[:0] for buffer in self.buffers))
            copy.buffers = [buffer.index_select(0, rows) for buffer in self.buffers]
            copy.filled = self.filled
            copy._filled_views()
        return copy

    def crop(self, max_length: int) -> None:
        """Drop the slots after the first ``max_length``."""
        self.filled = min(self.filled, max_length)
        self._filled_views()

    def joined(self, other: "GrowingLayer", order: Int[Tensor, " m"]) -> None:
        """Append the rows of ``other``, of the same length, and reorder by ``order``."""
        self.keys = self.values = None
        for part, buffer in enumerate(self.buffers):
            both = [buffer[:, :, : self.filled], other.buffers[part][:, :, : self.filled]]
            self.buffers[part] = torch.cat(both).index_select(0, order)
        self._filled_views()

    def _grow(self, part: int, end: int) -> None:
        self.keys = self.values = None  # else they keep the old buffer alive
        old = self.buffers[part]
        rows, heads, _, width = old.shape
        self.buffers[part] = old.new_empty(rows, heads, -(-end // CHUNK) * CHUNK, width)
        self.buffers[part][:, :, : self.filled] = old[:, :, : self.filled]

    def _filled_views(self) -> tuple[Tensor, Tensor]:
        self.keys, self.values = keys, values = tuple(buffer[:, :, : self.filled] for buffer in self.buffers)
        return keys, values


@dataclass
class HFCache:
    """``n`` rows of a language model's cache, all of the same length.

    ``pads``: empty slots before each row's prompt, ``(n,)``.
    ``ragged``: whether any row has pads; without them attention needs no mask.
    ``ends``: filled slots after each call of :meth:`feed`, the first call being the prompt's.
    """

    layers: list[GrowingLayer]
    pads: Int[Tensor, " n"]
    ragged: bool
    ends: list[int] = field(default_factory=list)

    @classmethod
    def empty(cls, layers: int, pads: Int[Tensor, " n"]) -> Self:
        """A cache without prompts."""
        return cls([GrowingLayer() for _ in range(layers)], pads, bool(pads.any()))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.pads)

    @property
    def nbytes(self) -> int:
        """Bytes of all buffers, reserved slots included."""
        return sum(buffer.nbytes for layer in self.layers for buffer in layer.buffers)

    def select(self, rows: Int[Tensor, " m"]) -> Self:
        """``rows`` in their order, possibly repeated. Consumes this cache: layers are freed one by one, so that at most
        half a layer exists twice.
        """
        for layer in self.layers:
            layer.batch_select_indices(rows)
        self.pads = self.pads.index_select(0, rows)
        return self

    def copy(self, rows: Int[Tensor, " m"]) -> Self:
        """A copy of ``rows``."""
        layers = [layer.copied(rows) for layer in self.layers]
        return type(self)(layers, self.pads.index_select(0, rows), self.ragged, [*self.ends])

    def keep(self) -> None:
        """Nothing to do: all slots of live rows are kept anyway."""

    def rewind(self, fed: int) -> None:
        """Drop everything after the prompt and the first ``fed`` codes."""
        del self.ends[fed + 1 :]
        for layer in self.layers:
            layer.crop(self.ends[-1])

    def fits(self, other: Self) -> bool:
        """Whether both have equally many filled slots."""
        return self.ends[-1] == other.ends[-1]

    def join(self, other: Self, order: Int[Tensor, " m"]) -> Self:
        """Append the rows of ``other``, which fits, and reorder by ``order``."""
        for mine, theirs in zip(self.layers, other.layers, strict=True):
            mine.joined(theirs, order)
        self.pads = torch.cat([self.pads, other.pads]).index_select(0, order)
        self.ragged = self.ragged or other.ragged
        return self

    @property
    def lockstep(self) -> bool:
        """One length for all rows."""
        return True

    def overwrite(self, rows: Int[Tensor, " m"], fresh: Self) -> None:
        """Not supported, see ``lockstep``. Raises DecodingError."""
        raise DecodingError("transformers' cache keeps one length for all rows; a row cannot start among others.")

    def feed(
        self,
        language_model: Any,
        ids: Tensor,
        *,
        embedded: bool = False,
        places: Int[Tensor, "axes n q"] | None = None,
    ) -> Float[Tensor, "n d"]:
        """Run ``q`` new tokens of every row, ids ``(n, q)`` or embeddings ``(n, q, d)``; hidden state of the last.

        ``places``: positions that rotary embeddings read; None: they count from the start of the prompt.
        """
        first = self.layers[0].filled
        end = first + ids.shape[1]
        self.ends.append(end)
        slots = torch.arange(end, device=self.pads.device)
        with sdpa_kernel(BACKENDS) if ids.is_cuda else nullcontext():
            output = language_model(
                **{"inputs_embeds" if embedded else "input_ids": ids},
                attention_mask=self._visible(slots),
                position_ids=(slots[first:] - self.pads[:, None]).clamp_min(0) if places is None else places,
                past_key_values=Cache(layers=list(self.layers)),
                use_cache=True,
            )
        return output.last_hidden_state[:, -1]

    def in_step(self, positions: Int[Tensor, " n"]) -> int:
        """The position (CPU) shared by all rows. Raises DecodingError if they differ."""
        first, last = int(positions.min()), int(positions.max())
        if first != last:
            raise DecodingError(
                f"rows are at positions {first} to {last}, and transformers' cache keeps one length for all rows; "
                "decode trajectories that start together."
            )
        return first

    def _visible(self, slots: Int[Tensor, " k"]) -> Bool[Tensor, "n k"] | None:
        return slots >= self.pads[:, None] if self.ragged else None
